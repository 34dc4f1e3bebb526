"""Leak check: find the evaluated rows that the model cannot have been trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batchmri.errors import UsageError
from batchmri.evaluation.inference import Advance
from batchmri.evaluation.intervals import Indices
from batchmri.evaluation.manifest import Entry, Manifest
from batchmri.evaluation.near_duplicates import images_of
from batchmri.training.table import Row, read_rows

TRAINED = ("train", "val")  # splits that training uses


@dataclass(frozen=True, slots=True)
class LeakCheck:
    """Result of a leak check.

    `leak_free` contains the indices of the leak-free rows, or None if no check was requested.
    `images` and `persons` are the identifiers of image and person per row, "" if unknown.
    """

    leak_free: Indices | None
    notes: tuple[str, ...]
    images: tuple[str, ...]
    persons: tuple[str, ...]


def check_leaks(
    rows: Sequence[Row], manifest: Path | None, trained_on: Path | None, advance: Advance
) -> LeakCheck:
    """Compare the rows with a manifest, with the training data, or with both.

    Raises UsageError if either cannot be read or the manifest lists none of the rows.
    """
    trained = _training_rows(trained_on) if trained_on else []
    if manifest is not None:
        known = Manifest.read(manifest)
        entries = [known.find(row.file) for row in rows]
        if not any(entries):
            raise UsageError(f"manifest {manifest}: lists none of the evaluated images")
        if trained_on is None:
            return _check_by_manifest_split(entries)
        return _check_by_manifest(entries, [known.find(row.file) for row in trained])
    if trained_on is not None:
        return _check_by_similarity(rows, trained, advance)
    unknown = ("",) * len(rows)
    note = "no leak check was requested; see --manifest and --trained-on"
    return LeakCheck(None, (note,), unknown, unknown)


def _training_rows(data: Path) -> list[Row]:
    rows = [row for row in read_rows(data) if row.split in TRAINED]
    if not rows:
        raise UsageError(f"{data}: no rows of split {' or '.join(TRAINED)}")
    return rows


def _check_by_manifest_split(entries: Sequence[Entry | None]) -> LeakCheck:
    """Use the split of the manifest, for a model that was trained on its train split."""
    leak_free = [
        index
        for index, entry in enumerate(entries)
        if entry and entry.split == "test" and entry.representative
    ]
    in_training = sum(1 for entry in entries if entry and entry.split in TRAINED)
    notes = (
        f"raw: {len(entries)} images, {in_training} of them in the manifest's train or val split",
        f"leak-free: {len(leak_free)} images of its test split, one per image",
    )
    return _leak_check(leak_free, notes, entries)


def _check_by_manifest(
    entries: Sequence[Entry | None], trained: Sequence[Entry | None]
) -> LeakCheck:
    seen = {entry.image for entry in trained if entry}
    persons = {entry.person for entry in trained if entry and entry.person}
    leak_free = [i for i, entry in enumerate(entries) if entry and entry.image not in seen]
    known = [entries[index] for index in leak_free]
    shared = sum(1 for entry in known if entry and entry.person in persons)
    unknown_person = sum(1 for entry in known if entry and not entry.person)
    notes = [
        f"raw: {len(entries)} images",
        f"leak-free: {len(leak_free)} images that were not trained on; {shared} of them show a "
        f"person of the training data, and for {unknown_person} the person is not known",
    ]
    not_listed = sum(1 for entry in trained if entry is None)
    if not_listed:
        notes.append(f"{not_listed} images that were trained on are not in the manifest")
    return _leak_check(leak_free, notes, entries)


def _leak_check(
    leak_free: Sequence[int], notes: Sequence[str], entries: Sequence[Entry | None]
) -> LeakCheck:
    missing = sum(1 for entry in entries if entry is None)
    if missing:
        notes = (
            *notes,
            f"{missing} evaluated images are not in the manifest and do not count as leak-free",
        )
    return LeakCheck(
        np.array(leak_free, np.intp),
        tuple(notes),
        tuple(entry.image if entry else "" for entry in entries),
        tuple(entry.person if entry else "" for entry in entries),
    )


def _check_by_similarity(
    rows: Sequence[Row], trained: Sequence[Row], advance: Advance
) -> LeakCheck:
    images = images_of([*trained, *rows], advance)
    seen = np.isin(images[len(trained) :], images[: len(trained)])
    patients = {(row.source, row.patient) for row in trained if row.patient}
    free = np.flatnonzero(~seen).tolist()
    shared = sum(1 for i in free if (rows[i].source, rows[i].patient) in patients)
    unknown_person = sum(1 for i in free if not rows[i].patient)
    notes = (
        f"raw: {len(rows)} images",
        f"leak-free: {len(free)} images that resemble none of the {len(trained)} training images; "
        f"{shared} of them show a patient of the training data, "
        f"and for {unknown_person} the patient is not known",
    )
    names = tuple(str(image) for image in images[len(trained) :])
    return LeakCheck(np.array(free, np.intp), notes, names, ("",) * len(rows))
