"""Real files of many kinds: all are accounted for, with the expected reasons."""

import shutil
import subprocess
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from batchmri.archive.selection import select
from batchmri.geometry import Orientation
from batchmri.records import FileNote, Frame, Series
from batchmri.settings.selection import SelectionSettings
from tests.builders import is_accounted, read_instance, scan

TAKEN = "taken"

FORMATS = {
    "analyze-pair-gz": {TAKEN},
    "ct-deflated": {"not_mr"},
    "ct-jpeg-baseline": {"not_mr"},
    "ct-jpeg-spectral": {"not_mr"},
    "ct-jpeg2000-lossless": {"not_mr"},
    "ct-jpegls-lossless": {"not_mr"},
    "ct-rle": {"not_mr"},
    "dicom-in-zip": {"unsupported_format"},
    "dicomdir-siemens-xa60": {"dicomdir", "other_sequence", "no_pixel_data"},
    "enh-ct-perfusion-jpegls": {"not_mr"},
    "enh-mr-philips-knee": {"not_brain"},
    "enh-mr-sagittal-cine": {TAKEN},
    "ge-dwi-private": {"other_sequence"},
    "hanging-protocol": {"no_pixel_data"},
    "jpeg-lossless-fragments": {"too_few_slices"},
    "jpeg2000-fragments": {"too_few_slices"},
    "legacy-enh-ct": {"not_mr"},
    "mgz": {"unsupported_format"},
    "mha-nrrd": {"unsupported_format"},
    "minc": {"unsupported_format"},
    "mosaic-jpeg2000": {"other_sequence"},
    "mr-big-endian": {"other_sequence"},
    "mr-missing-pixels": {"no_pixel_data"},
    "mr-spectroscopy": {"no_pixel_data"},
    "nifti-4d-int8": {TAKEN},
    "nifti-5d-small": {"unsupported_object"},
    "nifti-big-endian": {TAKEN},
    "nifti-big-endian-stat": {"derived"},
    "nifti-complex-mrs": {"unsupported_object"},
    "nifti-header-only": {"truncated"},
    "nifti-labels": {"label_map"},
    "nifti-nan": {"derived"},
    "nifti-pair-gz": {TAKEN},
    "nifti-rgb": {"colour"},
    "nifti-scl-slope": {TAKEN, "other_sequence"},
    "nifti2-small-4d": {"not_brain"},
    "nifti2-t1-template": {TAKEN},
    "no-preamble": {"secondary_capture"},
    "par-rec": {"unsupported_format"},
    "philips-scaling-pr": {"other_sequence", "no_pixel_data"},
    "rtstruct": {"no_pixel_data"},
    "rtstruct-mim": {"no_pixel_data"},
    "rwv-mapping": {"no_pixel_data"},
    "seg-binary": {"unsupported_object"},
    "seg-dot-seg": {"unsupported_object"},
    "seg-fractional": {"unsupported_object"},
    "seg-labelmap": {"unsupported_object"},
    "slide-ann": {"no_pixel_data"},
    "slide-sm": {"colour"},
    "sr-measurements": {"no_pixel_data"},
    "sr-tid1500": {"no_pixel_data"},
    "t1-jpeg-baseline": {"too_few_slices"},
    "t1-jpeg-lossless": {"too_few_slices"},
    "toshiba-dti": {"other_sequence"},
    "uih-vframe": {"other_sequence"},
    "us-palette-rle": {"colour"},
}

# If no header reveals it (CT, abdomen or a phantom as NIfTI), a series is selected.
OUT_OF_FIELD = {
    "animal-01": {"not_brain"},
    "asl-01": {"other_sequence"},
    "ct-body-01": {"not_mr"},
    "ct-head-01": {"not_mr"},
    "ct-head-02": {TAKEN},
    "ct-localizer-01": {"not_mr"},
    "ct-neck-01": {"not_mr"},
    "ct-phantom-01": {"not_mr"},
    "dwi-01": {"other_sequence"},
    "dwi-02": {"other_sequence"},
    "flair-brain-01": {"other_sequence"},
    "flair-brain-02": {"other_sequence"},
    "fmri-bold-01": {"other_sequence"},
    "fmri-bold-02": {"other_sequence"},
    "fmri-bold-03": {"other_sequence"},
    "mr-abdomen-01": {"not_brain"},
    "mr-abdomen-02": {TAKEN},
    "mr-heart-01": {"too_few_slices"},
    "mr-knee-01": {"not_brain"},
    "mr-phantom-01": {"not_brain"},
    "mr-phantom-02": {"too_few_slices"},
    "mr-phantom-03": {TAKEN},
    "mr-phantom-04": {"not_brain"},
    "mr-prostate-01": {"not_brain"},
    "mr-prostate-02": {"not_brain"},
    "mr-spine-01": {"not_brain"},
    "mr-spine-02": {"not_brain"},
    "mr-spine-03": {"not_brain"},
    "mr-spine-04": {"other_sequence"},
    "mra-01": {"other_sequence"},
    "pd-brain-01": {"other_sequence"},
    "pet-01": {"not_mr"},
    "pet-02": {"not_mr"},
    "photo-01": {"secondary_capture"},
    "screenshot-01": {"secondary_capture"},
    "swi-01": {"not_brain"},
    "t2-brain-01": {"other_sequence"},
    "us-01": {"colour"},
    "xray-01": {"not_mr"},
}


def _outcomes(*roots: Path) -> set[str]:
    studies, notes, walked = scan(*roots)
    assert is_accounted(studies, notes, walked)
    decisions = [select(s, SelectionSettings()) for study in studies for s in study.series]
    return {str(d.reason or TAKEN) for d in decisions} | {str(note.reason) for note in notes}


@pytest.mark.parametrize("item", sorted(FORMATS))
def test_formats(shared_data: Path, item: str) -> None:
    assert _outcomes(shared_data / "volumes/formats" / item) == FORMATS[item]


@pytest.mark.parametrize("item", sorted(OUT_OF_FIELD))
def test_out_of_field(shared_data: Path, item: str) -> None:
    assert _outcomes(shared_data / "volumes/out-of-field" / item) == OUT_OF_FIELD[item]


def test_tables_list_exactly_the_available_items(shared_data: Path) -> None:
    for folder, expected in (("formats", FORMATS), ("out-of-field", OUT_OF_FIELD)):
        root = shared_data / "volumes" / folder
        items = {path.name for path in root.iterdir() if path.is_dir()}
        assert items - {"dcm_qa_ts", "dcm_qa_enh", "dcm_qa_mosaic", "dcm_qa_nih_ge"} == set(
            expected
        )


def test_t1_volumes_are_selected_and_masks_are_not(shared_data: Path) -> None:
    studies, notes, walked = scan(shared_data / "volumes/tumor", shared_data / "volumes/healthy")
    assert is_accounted(studies, notes, walked) and not notes
    taken = [s for study in studies for s in study.series if select(s, SelectionSettings()).wanted]
    assert len(taken) == 12 and {s.sequence for s in taken} == {"t1", "t1_contrast"}
    (mprage,) = [s for s in taken if s.format == "dicom"]
    assert (mprage.n_slices, mprage.plane, mprage.flags) == (170, "sagittal", ())


CONVERTED = (
    "formats/dcm_qa_ts/In", "formats/dcm_qa_enh/In/Siemens", "formats/dcm_qa_enh/In/Philips",
    "formats/dcm_qa_mosaic", "formats/dcm_qa_nih_ge", "formats/enh-mr-philips-knee",
    "formats/enh-mr-sagittal-cine", "formats/dicomdir-siemens-xa60", "formats/uih-vframe",
    "formats/mosaic-jpeg2000", "out-of-field/fmri-bold-02", "out-of-field/asl-01",
    "healthy/philips-mprage",
)  # fmt: skip


@pytest.mark.skipif(shutil.which("dcm2niix") is None, reason="needs dcm2niix")
@pytest.mark.parametrize("folder", CONVERTED)
def test_slice_positions_agree_with_dcm2niix(
    shared_data: Path, tmp_path: Path, folder: str
) -> None:
    """Every slice is found in a converted volume, at the same position with the same pixels."""
    source = shared_data / "volumes" / folder
    subprocess.run(
        ["dcm2niix", "-b", "n", "-f", "%s_%t_%e_%p_%r", "-o", str(tmp_path), str(source)],
        check=True, capture_output=True,
    )  # fmt: skip
    volumes = [nibabel.load(path) for path in tmp_path.glob("*.nii*")]
    studies, _, _ = scan(source)
    stacks = [s for study in studies for s in study.series if len(s.slices) > 1]
    assert stacks
    for series in stacks:
        assert any(_agrees(series, volume) for volume in volumes), series.key


def _agrees(series: Series, volume: nibabel.Nifti1Image) -> bool:
    world_to_voxel = np.linalg.inv(volume.affine)
    array = np.asarray(volume.dataobj)
    array = array.reshape(*array.shape[:3], -1)
    if sorted(array.shape[:3]) != sorted((series.rows, series.columns, series.n_slices)):
        return False
    return all(
        _found(array, world_to_voxel, ref.path, _frame(ref.path, ref.frame, ref.tile), series)
        for ref in series.slices[:: max(1, series.n_slices // 7)]
    )


def _frame(path: str, number: int, tile: tuple[int, ...] | None) -> Frame:
    frames = read_instance(Path(path)).frames
    return next(f for f in frames if (f.number, f.tile) == (number, tile))


def _found(array, world_to_voxel, path: str, frame: Frame, series: Series) -> bool:
    """Return whether pixels of a slice equal the voxels at their positions in the volume."""
    assert frame.position and frame.orientation and frame.pixel_spacing
    stored = _stored(path, frame)
    rows, columns = np.mgrid[0 : series.rows : 3, 0 : series.columns : 3]
    places = _places(frame.position, frame.orientation, frame.pixel_spacing, rows, columns)
    voxels = places @ world_to_voxel[:3, :3].T + world_to_voxel[:3, 3]
    nearest = np.rint(voxels).astype(int)
    if np.abs(voxels - nearest).max() > 0.05 or (nearest < 0).any():
        return False
    if (nearest >= array.shape[:3]).any():
        return False
    found = array[nearest[..., 0], nearest[..., 1], nearest[..., 2]]
    here = stored[rows, columns]
    return any(_same_but_for_scale(found[..., t], here) for t in range(found.shape[-1]))


def _same_but_for_scale(one: np.ndarray, other: np.ndarray) -> bool:
    if one.std() == 0 or other.std() == 0:
        return one.std() == other.std()
    return np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99999


def _stored(path: str, frame: Frame) -> np.ndarray:
    pixels = pydicom.dcmread(path).pixel_array
    image = pixels[frame.number - 1] if pixels.ndim == 3 else pixels
    if frame.tile:
        row, column, height, width = frame.tile
        image = image[row : row + height, column : column + width]
    return image


def _places(position, orientation: Orientation, spacing, rows, columns) -> np.ndarray:
    lps = (
        np.array(position)
        + columns[..., None] * spacing[1] * np.array(orientation[0])
        + rows[..., None] * spacing[0] * np.array(orientation[1])
    )
    return lps * (-1, -1, 1)


def test_files_with_a_series_have_no_separate_note(shared_data: Path) -> None:
    studies, notes, _ = scan(shared_data / "volumes/formats")
    left_out = {note.source for study in studies for note in study.left_out}
    assert not left_out & {note.source for note in notes}
    assert all(isinstance(note, FileNote) and not note.key.series_uid for note in notes)
