"""A kind of DICOM object from another package is written in addition to the built-in ones."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from batchmri.errors import SettingsError
from batchmri.outputs.dicom.send import storage_classes
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.outputs.dicom.validity import dciodvfy_errors
from tests.pipeline.builders import changed, write_series


def test_a_kind_of_another_package_is_written(
    tmp_path: Path, settings: Settings, install: Callable[[str], None]
) -> None:
    write_series(tmp_path / "archive", n=6)
    install("all_images")
    wanted = changed(settings, "report", dicom_results=["all", "sr"])
    assert scan([tmp_path / "archive"], out=tmp_path / "out", settings=wanted).exit_code == 0
    found = {path.stem: path for path in tmp_path.glob("out/dicom/*/*/*.dcm")}
    assert sorted(found) == ["all", "sr"]
    selection = dcmread(found["all"])
    assert dciodvfy_errors(found["all"]) == []
    (study,) = selection.CurrentRequestedProcedureEvidenceSequence
    (series,) = study.ReferencedSeriesSequence
    assert len(series.ReferencedSOPSequence) == 6
    assert (selection.SeriesNumber, selection.SeriesDescription) == (9811, "all images")
    assert selection.SOPClassUID in storage_classes()


def test_an_unknown_kind_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="'pdf' is not allowed; expected one or more of sr, sc"):
        Settings.load(report={"dicom_results": "sr,pdf"})
