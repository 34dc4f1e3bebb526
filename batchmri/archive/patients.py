"""Separate the instances of one StudyInstanceUID by patient.

Patients are distinguished by a digest of the normalized patient ID. If the same images were sent
with two IDs, both IDs belong to one patient: the ID was corrected and the images were sent again.
Otherwise a StudyInstanceUID with two IDs belongs to two studies: some exports write fixed UIDs.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import pairwise

from batchmri.archive.copies import content_of
from batchmri.identifiers import made_uid
from batchmri.records import Instance

_Images = dict[str, set[Hashable]]  # image contents by SOP Instance UID


def separate_patients(instances: Sequence[Instance]) -> list[Instance]:
    """Return the instances of one StudyInstanceUID, with new UIDs if it has several patients.

    `instances` are sorted by source. New UIDs are derived from the patient's first source. An
    object without a patient ID belongs to the patient of its image or series, if there is one.
    Instances of a patient with several IDs get the flag `patient_id_changed`.
    """
    alias = _digest_aliases(instances)
    if len(alias) < 2:
        return list(instances)
    first: dict[str, str] = {}
    owner: dict[str, str] = {}
    for one in instances:
        if one.patient:
            first.setdefault(alias[one.patient], one.source)
            for uid in (one.instance_uid, one.series_uid):
                owner.setdefault(uid, alias[one.patient])
    first_without_id = next((one.source for one in instances if not one.patient), "")
    n_ids = Counter(alias.values())
    changed = {known for known in first if n_ids[known] > 1}
    several = len(first) > 1
    only = next(iter(first))
    result = []
    for one in instances:
        patient = alias.get(one.patient) or owner.get(one.instance_uid) or owner.get(one.series_uid)
        if not several:
            patient = only
        if patient in changed:
            one = _with_flag(one, "patient_id_changed")
        if several:
            one = _with_patient_uids(one, first.get(patient or "", first_without_id))
        result.append(one)
    return result


def _digest_aliases(instances: Sequence[Instance]) -> dict[str, str]:
    """Map each patient digest to the one digest used for all IDs of that patient."""
    digests = {one.patient for one in instances if one.patient}
    if len(digests) < 2:
        return {digest: digest for digest in digests}
    images: dict[str, _Images] = defaultdict(lambda: defaultdict(set))
    senders: dict[Hashable, set[str]] = defaultdict(set)
    for one in instances:
        if one.patient:
            content = content_of(one)
            images[one.patient][one.instance_uid].add(content)
            senders[one.instance_uid, content].add(one.patient)
    alias = {patient: patient for patient in sorted(images)}
    shared = {pair for several in senders.values() for pair in pairwise(sorted(several))}
    for one_patient, other in sorted(shared):
        if _images_agree(images[one_patient], images[other]):
            kept, dropped = sorted((alias[one_patient], alias[other]))
            alias = {p: kept if known == dropped else known for p, known in alias.items()}
    return alias


def _images_agree(one: _Images, other: _Images) -> bool:
    """Return whether UIDs that both use have the same content; objects without frames are ignored.

    Of two sets of contents, one may be a subset of the other.
    """
    for uid in one.keys() & other.keys():
        ours, theirs = one[uid] - {None}, other[uid] - {None}
        if not (ours <= theirs or theirs <= ours):
            return False
    return True


def _with_flag(instance: Instance, flag: str) -> Instance:
    return replace(instance, flags=tuple(sorted({*instance.flags, flag})))


def _with_patient_uids(instance: Instance, first_source: str) -> Instance:
    moved = replace(
        instance,
        study_uid=made_uid("patient", instance.study_uid, first_source),
        series_uid=made_uid("patient", instance.series_uid, first_source),
    )
    return _with_flag(moved, "uid_replaced")
