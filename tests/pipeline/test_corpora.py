"""Scan the test files of pydicom and nibabel.

Only files that are installed with the packages are used; nothing is downloaded.
"""

import json
from pathlib import Path

import nibabel
import pydicom
import pytest

from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed
from tests.pipeline.outputs import assert_every_file_accounted_for, table


@pytest.mark.parametrize(
    ("package", "below", "reasons"),
    [
        (pydicom, "data", {"colour", "dicomdir", "no_pixel_data", "bad_header"}),
        (nibabel, "", {"not_an_image", "unsupported_format", "empty_file"}),
    ],
    ids=["pydicom", "nibabel"],
)
def test_a_corpus_is_scanned_to_its_end(
    package: object,
    below: str,
    reasons: set[str],
    tmp_path: Path,
    settings: Settings,
    capfd: pytest.CaptureFixture[str],
) -> None:
    root = Path(str(package.__file__)).parent / below  # type: ignore[attr-defined]
    out = tmp_path / "out"
    # pydicom has no MR image of the size of a head, so CT and other images are used instead.
    every = changed(
        settings, "selection", all_sequences=True, min_slices=1, modalities=("MR", "CT", "OT", "SC")
    )
    assert scan([root], out=out, settings=every).exit_code in (0, 1)
    assert "Traceback" not in capfd.readouterr().err
    n_files = json.loads((out / "run.json").read_text())["counts"]["files"]
    assert n_files == sum(path.is_file() or path.is_symlink() for path in root.rglob("*"))
    assert_every_file_accounted_for(out, n_files)
    series = table(out, "series")
    found_reasons = {row["reason"] for row in (*series, *table(out, "files"))}
    assert reasons <= found_reasons
    assert any(row["status"] == "classified" for row in series)
    assert not any(row["status"] == "" for row in series)
