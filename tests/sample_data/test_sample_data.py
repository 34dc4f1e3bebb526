import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import JPEG2000Lossless
from scipy import ndimage

SAMPLE = Path(__file__).resolve().parents[2] / "sample_data"
ALPHA = SAMPLE / "archive" / "alpha"
BETA = SAMPLE / "archive" / "DISC" / "PAT00001"
GAMMA = SAMPLE / "archive" / "sub-gamma" / "anat" / "sub-gamma_ce-gadolinium_T1w.nii.gz"
BROKEN = SAMPLE / "broken"

Slices = npt.NDArray[np.float64]


def along_normal(data: Dataset) -> float:
    row, column = np.reshape(data.ImageOrientationPatient, (2, 3))
    return float(np.dot(np.cross(row, column), data.ImagePositionPatient))


def series(folder: Path) -> list[Dataset]:
    return sorted((pydicom.dcmread(file) for file in folder.iterdir()), key=along_normal)


def dicom_slices(folder: Path) -> Slices:
    return np.stack([data.pixel_array for data in series(folder)]).astype(float)


def nifti_slices() -> Slices:
    volume = nib.Nifti1Image.from_filename(GAMMA).get_fdata()
    return np.asarray(volume[:, ::-1].transpose(2, 1, 0))


def lopsided(slices: Slices) -> float:
    """Largest difference between left and right in the brain, in the middle third of the slices."""
    greatest = 0.0
    for picture in slices[len(slices) // 3 : 2 * len(slices) // 3]:
        rows, columns = np.where(ndimage.binary_fill_holes(picture > 300))
        head = picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        smooth = ndimage.gaussian_filter(head, 5)
        y, x = np.ogrid[-1 : 1 : head.shape[0] * 1j, -1 : 1 : head.shape[1] * 1j]
        difference = np.abs(smooth - smooth[:, ::-1])[x**2 + y**2 < 0.75**2]
        greatest = max(greatest, float(difference.max()))
    return greatest


def test_is_small() -> None:
    files = [file for name in ("archive", "broken") for file in (SAMPLE / name).rglob("*")]
    assert 1e6 < sum(file.stat().st_size for file in files) < 11.5e6


def test_every_good_dicom_file_decodes() -> None:
    files = [file for folder in (ALPHA, BETA) for file in folder.rglob("*") if file.is_file()]
    assert len(files) == 24 + 3 + 1 + 22
    for file in files:
        data = pydicom.dcmread(file)
        assert data.Manufacturer == "batchmri phantom"
        if data.Modality == "MR":
            assert 1000 < data.pixel_array.max() <= 4095


@pytest.mark.parametrize(("folder", "spacing"), [(ALPHA / "t1-post", 5.0), (BETA, 5.5)])
def test_slices_are_evenly_spaced_along_their_normal(folder: Path, spacing: float) -> None:
    steps = np.diff([along_normal(data) for data in series(folder)])
    assert np.allclose(steps, spacing, atol=1e-3)


def test_instance_numbers_of_the_compressed_series_are_not_ordered_by_position() -> None:
    slices = series(BETA)
    assert {data.file_meta.TransferSyntaxUID for data in slices} == {JPEG2000Lossless}
    numbers = [data.InstanceNumber for data in slices]
    assert sorted(numbers) == list(range(1, 23))
    assert numbers != sorted(numbers)


def test_localizer_shows_three_planes() -> None:
    normals = {
        int(np.argmax(np.abs(np.cross(*np.reshape(data.ImageOrientationPatient, (2, 3))))))
        for data in map(pydicom.dcmread, (ALPHA / "localizer").iterdir())
    }
    assert normals == {0, 1, 2}


def test_report_is_a_structured_report() -> None:
    data = pydicom.dcmread(ALPHA / "report" / "SR0001.dcm")
    finding = data.ContentSequence[0].ContentSequence[0]
    assert data.SOPClassUID.name == "Basic Text SR Storage"
    assert finding.TextValue.startswith("Made up")


def test_nifti_has_correct_spacing_and_orientation() -> None:
    image = nib.Nifti1Image.from_filename(GAMMA)
    assert nib.aff2axcodes(image.affine) == ("L", "A", "S")
    assert np.allclose(image.header.get_zooms(), (1.0, 1.0, 4.5))
    bright = ndimage.gaussian_filter(image.get_fdata(), (6, 6, 1))
    bright[:40] = bright[-40:] = bright[:, :40] = bright[:, -40:] = 0  # the scalp
    bright[:, :, 18:] = 0
    peak = nib.affines.apply_affine(image.affine, np.unravel_index(bright.argmax(), bright.shape))
    assert np.allclose(peak, (-52, 18, 34), atol=15)  # where the mass was put: left is -x


def test_heads_with_a_lesion_are_asymmetric_and_the_other_is_not() -> None:
    assert lopsided(dicom_slices(BETA)) < 350
    assert lopsided(dicom_slices(ALPHA / "t1-post")) > 550
    assert lopsided(nifti_slices()) > 550


def test_each_broken_file_has_its_documented_defect() -> None:
    with pytest.raises((ValueError, AttributeError)):
        _ = pydicom.dcmread(BROKEN / "truncated.dcm").pixel_array
    with pytest.raises(InvalidDicomError):
        pydicom.dcmread(BROKEN / "text.dcm")
    assert (BROKEN / "empty.dcm").stat().st_size == 0
    assert "PixelData" not in pydicom.dcmread(BROKEN / "no-pixels.dcm")
    assert pydicom.dcmread(BROKEN / "screenshot.dcm").pixel_array.shape == (128, 128, 3)
    uids = [data.SOPInstanceUID for data in series(BROKEN / "duplicate")]
    assert (len(uids), len(set(uids))) == (6, 5)
    with pytest.raises(EOFError):
        nib.Nifti1Image.from_filename(BROKEN / "cut.nii.gz").get_fdata()


def test_files_share_no_uid_but_the_duplicate() -> None:
    files = [file for folder in (ALPHA, BETA, BROKEN) for file in folder.rglob("*.dcm")]
    files += BETA.iterdir()
    files = [file for file in files if file.name not in ("empty.dcm", "text.dcm")]
    uids = [pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID for file in files]
    assert len(uids) - len(set(uids)) == 1


@pytest.mark.slow
def test_the_script_makes_what_is_committed(tmp_path: Path) -> None:
    pytest.importorskip("nilearn")
    command = [sys.executable, str(SAMPLE / "make.py"), "--out", str(tmp_path), "--only", "beta"]
    subprocess.run(command, check=True, timeout=300)
    made = sorted((tmp_path / "archive" / "DISC" / "PAT00001").iterdir())
    assert [file.name for file in made] == sorted(file.name for file in BETA.iterdir())
    for file in made:
        new, old = pydicom.dcmread(file), pydicom.dcmread(BETA / file.name)
        # Another processor may round a value differently.
        assert np.abs(new.pixel_array.astype(int) - old.pixel_array).max() <= 1
        del new.PixelData, old.PixelData
        assert new == old


def test_contains_no_file_of_the_development_data(shared_data: Path) -> None:
    made: dict[int, set[bytes]] = {}
    for file in (file for file in SAMPLE.rglob("*") if file.is_file() and file.stat().st_size):
        made.setdefault(file.stat().st_size, set()).add(file.read_bytes())
    for file in (file for file in shared_data.rglob("*") if file.is_file()):
        same_size = made.get(file.stat().st_size, set())
        assert not same_size or file.read_bytes() not in same_size, file
