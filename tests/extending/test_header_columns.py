"""A number of the header becomes a column by one declaration."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import batchmri
from tests.builders import dicom
from tests.extending.examples import PAGE
from tests.formats.nifti.test_header import nifti

LAST_FIELD = "    contrast_agent: bool | None = None\n"
SERIES = """
import json, sys
from pathlib import Path
from batchmri.formats.registry import header_version
from batchmri.outputs.rows import series_row
from batchmri.outputs.schema import columns
from batchmri.reasons import Status
from batchmri.records import Classes, SeriesResult
from batchmri.settings.report import ReportSettings
from tests.builders import scan

found = {"version": header_version(2), "columns": [c.name for c in columns("series", ("a",))]}
for study in scan(Path(sys.argv[1]))[0]:
    for series in study.series:
        result = SeriesResult(series, Status.SKIPPED)
        row = series_row(result, None, Classes(("a", "b"), "b"), ReportSettings())
        found[series.format] = {"row": row, "fingerprint": series.fingerprint}
print(json.dumps(found))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with this package, whose `header.py` contains the example of the page."""
    original = Path(batchmri.__file__).parent
    (tmp_path / "package" / "batchmri").mkdir(parents=True)
    for path in original.iterdir():
        if path.name != "header.py":
            (tmp_path / "package" / "batchmri" / path.name).symlink_to(path)
    text = (original / "header.py").read_text()
    assert text.count(LAST_FIELD) == 1
    _, _, rest = PAGE.read_text().partition("## A number of the header as a column")
    line = rest.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "package" / "batchmri" / "header.py").write_text(
        text.replace(LAST_FIELD, LAST_FIELD + line)
    )
    return tmp_path / "package"


def read(archive: Path, *packages: Path) -> dict:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*packages, root)))}
    command = [sys.executable, "-P", "-c", SERIES, str(archive)]
    return json.loads(subprocess.check_output(command, env=environment, text=True))


def test_one_declaration_adds_a_column_and_classifies_nothing_again(
    tmp_path: Path, package: Path
) -> None:
    for number in range(1, 4):
        dicom(tmp_path / "archive" / f"{number}.dcm", number, EchoTrainLength=8)
    nifti(tmp_path / "archive" / "v.nii.gz")
    (tmp_path / "archive" / "v.json").write_text('{"EchoTrainLength": 16}')
    before, after = read(tmp_path / "archive"), read(tmp_path / "archive", package)

    new = "echo_train_length"
    place = before["columns"].index("series_number") + 1
    assert after["columns"] == [*before["columns"][:place], new, *before["columns"][place:]]
    assert {name: after[name]["row"].pop(new) for name in ("dicom", "nifti")} == {
        "dicom": 8,
        "nifti": 16,
    }
    assert {name: after[name] for name in ("dicom", "nifti")} == {
        name: before[name] for name in ("dicom", "nifti")
    }
    assert (before["version"], after["version"]) == ("2", f"2 {new}"), "headers are read again"
