"""Which instances of one StudyInstanceUID belong to one patient.

Patients are told apart by a digest of the normalized patient ID. Two IDs under which the same
images were sent are those of one patient: the ID was corrected, and the images were sent again.
Otherwise a StudyInstanceUID with two IDs was used twice, as some exports write fixed UIDs.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import pairwise

from batchmri.archive.copies import content_of
from batchmri.identifiers import made_uid
from batchmri.records import Instance

_Images = dict[str, set[Hashable]]  # what is shown under each SOP Instance UID


def apart_by_patient(instances: Sequence[Instance]) -> list[Instance]:
    """The instances of one StudyInstanceUID, with UIDs of their own if it holds several patients.

    `instances` are sorted by source. Replaced UIDs are made from the patient's first source. An
    object without patient ID belongs to the patient of its image or series, if there is one.
    Instances of a patient with several IDs get the flag `patient_id_changed`.
    """
    person = _persons(instances)
    if len(person) < 2:
        return list(instances)
    first: dict[str, str] = {}
    owner: dict[str, str] = {}
    for one in instances:
        if one.patient:
            first.setdefault(person[one.patient], one.source)
            for uid in (one.instance_uid, one.series_uid):
                owner.setdefault(uid, person[one.patient])
    nobody = next((one.source for one in instances if not one.patient), "")
    n_ids = Counter(person.values())
    changed = {known for known in first if n_ids[known] > 1}
    several = len(first) > 1
    only = next(iter(first))
    result = []
    for one in instances:
        whose = person.get(one.patient) or owner.get(one.instance_uid) or owner.get(one.series_uid)
        if not several:
            whose = only
        if whose in changed:
            one = _flagged(one, "patient_id_changed")
        if several:
            one = _readdressed(one, first.get(whose or "", nobody))
        result.append(one)
    return result


def _persons(instances: Sequence[Instance]) -> dict[str, str]:
    """Each patient digest, and the digest that stands for all digests of that patient."""
    images: dict[str, _Images] = defaultdict(lambda: defaultdict(set))
    senders: dict[Hashable, set[str]] = defaultdict(set)
    for one in instances:
        if one.patient:
            content = content_of(one)
            images[one.patient][one.instance_uid].add(content)
            senders[one.instance_uid, content].add(one.patient)
    person = {patient: patient for patient in sorted(images)}
    shared = {pair for several in senders.values() for pair in pairwise(sorted(several))}
    for one_patient, other in sorted(shared):
        if _agree(images[one_patient], images[other]):
            kept, dropped = sorted((person[one_patient], person[other]))
            person = {p: kept if known == dropped else known for p, known in person.items()}
    return person


def _agree(one: _Images, other: _Images) -> bool:
    """Whether every UID that both use shows the same; objects without frames do not count."""
    for uid in one.keys() & other.keys():
        ours, theirs = one[uid] - {None}, other[uid] - {None}
        if not (ours <= theirs or theirs <= ours):
            return False
    return True


def _flagged(instance: Instance, flag: str) -> Instance:
    return replace(instance, flags=tuple(sorted({*instance.flags, flag})))


def _readdressed(instance: Instance, first_source: str) -> Instance:
    moved = replace(
        instance,
        study_uid=made_uid("patient", instance.study_uid, first_source),
        series_uid=made_uid("patient", instance.series_uid, first_source),
    )
    return _flagged(moved, "uid_replaced")
