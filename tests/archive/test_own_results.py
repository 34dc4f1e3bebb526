from pathlib import Path

import pytest
from pydicom.uid import generate_uid

from batchmri.archive.assembly import assemble
from batchmri.identifiers import OWN_UID_ROOT, is_valid_uid
from batchmri.reasons import Reason
from tests.builders import dataset, dicom, is_accounted, read_instance, scan, write

OWN = {"Manufacturer": "batchmri"}


@pytest.mark.parametrize(
    "tags",
    [
        {"Manufacturer": "batchmri"},
        {"Manufacturer": "ACME", "ManufacturerModelName": "batchmri"},
        {"SOPInstanceUID": OWN_UID_ROOT + "17"},
        {"Manufacturer": "batchmri", "PixelData": None, "Modality": "SR"},
        {"Manufacturer": "batchmri", "Rows": 60000},
    ],
)
def test_objects_that_batchmri_made(tmp_path: Path, tags) -> None:
    found = read_instance(dicom(tmp_path / "a", **tags))
    assert (found.refusal, found.frames) == (Reason.OWN_RESULT, ())


@pytest.mark.parametrize(
    "tags",
    [
        {"Manufacturer": "batchmri phantom"},
        {"Manufacturer": "BATCHMRI"},
        {"SeriesDescription": "batchmri"},
        {"SOPInstanceUID": generate_uid(prefix=None)},
        {"SOPInstanceUID": OWN_UID_ROOT[:-2] + "9.17"},
    ],
)
def test_objects_that_only_mention_batchmri(tmp_path: Path, tags) -> None:
    assert read_instance(dicom(tmp_path / "a", **tags)).refusal is None


def test_uid_below_the_own_root_is_valid() -> None:
    assert is_valid_uid(OWN_UID_ROOT + "9" * 18)


def test_own_results_in_a_separate_series_are_skipped(tmp_path: Path) -> None:
    for number in range(1, 6):
        dicom(tmp_path / f"r/{number}", number)
    before, _, _ = scan(tmp_path / "r")
    own = {**OWN, "SeriesInstanceUID": "1.2.3.77", "SOPInstanceUID": OWN_UID_ROOT + "1"}
    write(tmp_path / "r/seg", dataset(9, **own))
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked)
    (images, result) = studies[0].series
    assert images == before[0].series[0]
    assert (result.refusal, result.key.part) == (Reason.OWN_RESULT, "")


def test_own_results_do_not_change_the_series_of_images(tmp_path: Path) -> None:
    for number in range(1, 6):
        dicom(tmp_path / f"r/{number}", number)
    before, _, _ = scan(tmp_path / "r")
    dicom(tmp_path / "r/overlay", 9, **OWN)
    dicom(tmp_path / "r/overlay again", 9, **OWN)
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked)
    images, result = sorted(studies[0].series, key=lambda one: one.key.part)
    assert images == before[0].series[0]
    assert (result.refusal, result.n_files) == (Reason.OWN_RESULT, 2)
    assert result.key.part.startswith("p") and result.key[:2] == images.key[:2]
    (note,) = studies[0].left_out
    assert (note.reason, note.key) == (Reason.DUPLICATE_INSTANCE, result.key)


def test_own_result_with_the_uid_of_an_image_is_not_its_duplicate(tmp_path: Path) -> None:
    image = read_instance(dicom(tmp_path / "z"))
    own = read_instance(dicom(tmp_path / "a", **OWN))
    (study,) = assemble([own, image], {})
    assert sorted(str(series.refusal) for series in study.series) == ["None", "own_result"]
