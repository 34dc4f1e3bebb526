"""Test files of other projects as archives.

Only files that are installed with the packages are used; nothing is downloaded.
"""

from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import groupby, islice
from pathlib import Path

import pydicom
import pytest
from pydicom.errors import InvalidDicomError

from batchmri.archive.selection import select
from batchmri.formats.decode import Decoded, DecodeTask, Refusal, decode_many
from batchmri.reasons import Reason
from batchmri.records import Series, Study
from batchmri.settings.selection import SelectionSettings
from tests.builders import is_accounted, scan

# Slices decoded per file: the templates of nilearn are large, and their slices are all alike.
_SLICES_PER_FILE = 8


def _tasks(series: Series) -> Iterator[DecodeTask]:
    for path, group in groupby(series.slices, key=lambda ref: ref.path):
        refs = tuple(islice(group, _SLICES_PER_FILE))
        yield DecodeTask(
            format=series.format,
            path=path,
            frames=tuple(ref.frame for ref in refs),
            slice_axis=series.slice_axis,
            display=series.display,
            max_bytes=1 << 28,
            tiles=tuple(ref.tile for ref in refs),
        )


def _decoded(series: Series) -> Counter[str]:
    """Number of decoded slices of a series, and of the others by reason."""
    tasks = list(_tasks(series))
    answers: list[Decoded] = decode_many(tasks)
    outcomes: Counter[str] = Counter()
    for task, answer in zip(tasks, answers, strict=True):
        assert len(answer.slices) == len(task.frames)
        for one in answer.slices:
            assert isinstance(one, Refusal) or one.ndim == 2
            outcomes[str(one.reason) if isinstance(one, Refusal) else "decoded"] += 1
    return outcomes


def _run(*roots: Path) -> tuple[list[Study], Counter[str], Counter[str]]:
    """Studies, reasons of files and series, and outcomes of slices. Every file is accounted for."""
    studies, notes, walked = scan(*roots)
    assert is_accounted(studies, notes, walked)
    reasons = Counter(str(note.reason) for note in notes)
    outcomes: Counter[str] = Counter()
    for series in (one for study in studies for one in study.series):
        reasons[str(select(series, SelectionSettings()).reason or "taken")] += 1
        outcomes += _decoded(series)
    return studies, reasons, outcomes


@pytest.mark.parametrize(
    ("package", "files", "series", "slices"),
    [
        ("pydicom", 150, 40, 20),
        ("nibabel", 100, 10, 40),
        ("nilearn", 10, 2, 10),
        ("highdicom", 50, 0, 0),  # its test files are not installed: only modules are walked
    ],
)
def test_a_package_as_archive(package: str, files: int, series: int, slices: int) -> None:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"needs {package}, which is not installed")
    root = Path(spec.origin).parent
    studies, reasons, outcomes = _run(root)
    assert sum(reasons.values()) >= files
    assert sum(len(study.series) for study in studies) >= series
    assert outcomes["decoded"] >= slices
    print(package, dict(reasons), dict(outcomes))


def test_all_packages_in_one_archive() -> None:
    """Their studies are in one index, like several data sets on one disk."""
    specs = [find_spec(name) for name in ("pydicom", "nibabel", "highdicom")]
    roots = [Path(spec.origin).parent for spec in specs if spec and spec.origin]
    studies, notes, walked = scan(*roots)
    assert is_accounted(studies, notes, walked)
    keys = [series.key for study in studies for series in study.series]
    assert len(keys) == len(set(keys))


def test_every_file_that_pydicom_reads_is_recognized() -> None:
    root = Path(pydicom.__file__).parent / "data"
    _, notes, _ = scan(root)
    for note in (one for one in notes if one.reason is Reason.NOT_AN_IMAGE):
        with pytest.raises(InvalidDicomError):
            pydicom.dcmread(root / note.source.removeprefix("data/"))


def test_real_files_of_every_kind(shared_data: Path) -> None:
    _, reasons, outcomes = _run(shared_data / "volumes/formats")
    assert outcomes["decoded"] > 100
    assert {"taken", "not_mr", "other_sequence", "unsupported_format"} <= set(reasons)
