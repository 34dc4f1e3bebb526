"""NIfTI heat maps lie over the volume that they were made from."""

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest

from batchmri.formats.orientation import as_displayed, as_stored
from batchmri.outputs.paths import heatmap_path
from batchmri.pipeline.heatmaps import write_heatmap
from batchmri.pipeline.scan import scan
from batchmri.reasons import Reason
from batchmri.records import CropBox, Display, Scores, SeriesKey, SliceRef
from batchmri.settings import Settings
from tests.builders import read_instance
from tests.outputs.records import series
from tests.pipeline import planted
from tests.pipeline.builders import write_series

SHAPE = (20, 30, 40)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_volume_of_a_nifti_file_has_its_affine_and_its_axes(tmp_path: Path, axis: int) -> None:
    affine = nibabel.affines.from_matvec(np.diag([-1.0, 2.0, 3.0]) @ _rotation(0.2), (5, 6, 7))
    path = tmp_path / "a.nii.gz"
    nibabel.Nifti1Image(np.zeros(SHAPE, np.float32), affine).to_filename(path)
    rows, columns = (n for a, n in enumerate(SHAPE) if a != axis)
    display = Display(transpose=True, flip_rows=True)
    one = series(
        key=SeriesKey("1.2", "1.3"), format="nifti", rows=rows, columns=columns,
        pixel_spacing=(1.0, 1.0), display=display, slice_axis=axis,
        slices=(SliceRef("a", str(path), "1", 8, 0, 0.0),),
    )  # fmt: skip
    # As displayed (columns, rows): a hot cell in the left upper quarter of the whole slice.
    shown = (columns, rows)
    scores = {0: Scores(one.slices[0], (1.0,), CropBox(0, 0, shown[1], shown[0]))}
    heat = np.zeros((8, 8), np.float32)
    heat[1, 2] = 10
    assert write_heatmap(one, scores, {0: heat}, {0: 0.5}, tmp_path)
    found = nibabel.load(tmp_path / heatmap_path(one.key))
    assert found.shape == SHAPE
    np.testing.assert_allclose(found.affine, affine, atol=1e-5)
    volume = found.get_fdata()
    assert volume.max() == pytest.approx(5, rel=0.2)
    assert np.unravel_index(volume.argmax(), SHAPE)[axis] == 7  # frame 8
    plane = as_displayed(np.take(volume, 7, axis=axis), display)
    hot = np.unravel_index(plane.argmax(), plane.shape)
    side = max(shown)
    center = (shown[0] / 2 + (1.5 / 8 - 0.5) * side, shown[1] / 2 + (2.5 / 8 - 0.5) * side)
    clipped = (max(center[0], 0), max(center[1], 0))
    assert np.abs(np.subtract(hot, clipped)).max() <= side / 16 + 1
    content = (tmp_path / heatmap_path(one.key)).read_bytes()
    assert write_heatmap(one, scores, {0: heat}, {0: 0.5}, tmp_path)
    assert (tmp_path / heatmap_path(one.key)).read_bytes() == content


def test_a_scan_of_dicom_slices_places_voxels_where_their_headers_say(
    tmp_path: Path, settings: Settings
) -> None:
    write_series(
        tmp_path / "archive",
        n=6,
        ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
        PixelSpacing=[3.0, 2.5],
    )
    report = settings.report.model_copy(update={"heatmaps": "nifti"})
    out = tmp_path / "out"
    scan([tmp_path / "archive"], out=out, settings=replace_report(settings, report))
    (path,) = out.glob("gradcam/*/*/*_heatmap.nii.gz")
    found = nibabel.load(path)
    assert found.shape[2] == 6
    # RAS: column index to the left of the patient is -x, row index to the back is -y.
    np.testing.assert_allclose(found.affine[:3, 0], [-2.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found.affine[:3, 1], [0, -3.0, 0], atol=1e-6)
    np.testing.assert_allclose(found.affine[:3, 2], [0, 0, 5], atol=1e-6)
    assert read_instance(path).refusal is Reason.OWN_RESULT, "if it is scanned"


def test_heat_maps_stay_without_being_wanted_and_return_if_they_were_deleted(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive, n=6, ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    wanted = replace_report(settings, settings.report.model_copy(update={"heatmaps": "nifti"}))
    scan([archive], out=out, settings=settings)
    assert not list(out.glob("gradcam/*/*/*_heatmap.nii.gz"))
    scan([archive], out=out, settings=wanted)
    (path,) = out.glob("gradcam/*/*/*_heatmap.nii.gz")
    before = path.read_bytes()
    with monkeypatch.context() as patch:  # nothing is classified again
        patch.setattr("batchmri.pipeline.run.loaded_model.load_checkpoint", None)
        scan([archive], out=out, settings=settings)
        assert path.read_bytes() == before
        scan([archive], out=out, settings=wanted)
        path.unlink()
        scan([archive], out=out, settings=settings)
        assert not path.exists()
    for _ in range(2):
        scan([archive], out=out, settings=wanted)
        assert path.read_bytes() == before
        path.unlink()


def test_heat_maps_that_cannot_be_placed_are_tried_once(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive, n=6)
    wanted = replace_report(settings, settings.report.model_copy(update={"heatmaps": "nifti"}))
    draw = planted.draws_without_place
    monkeypatch.setattr("batchmri.pipeline.draw_series.draw_series", draw)
    scan([archive], out=out, settings=wanted)
    monkeypatch.setattr("batchmri.pipeline.run.loaded_model.load_checkpoint", None)
    scan([archive], out=out, settings=wanted)
    assert not list(out.glob("gradcam/*/*/*_heatmap.nii.gz"))


def replace_report(settings: Settings, report: object) -> Settings:
    return settings.model_copy(update={"report": report})


def test_as_stored_undoes_as_displayed() -> None:
    image = np.arange(6, dtype=np.float32).reshape(2, 3)
    for bits in range(8):
        display = Display(bool(bits & 1), bool(bits & 2), bool(bits & 4))
        assert (as_stored(as_displayed(image, display), display) == image).all()


def test_without_geometry_no_volume_is_written(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no image")
    ref = SliceRef("a", str(tmp_path / "x"), "1", 1, 0, 0.0)
    one = replace(series(key=SeriesKey("1.2", "1.3")), slices=(ref,))
    scores = {0: Scores(ref, (1.0,), CropBox(0, 0, 8, 8))}
    heat = {0: np.ones((2, 2), np.float32)}
    for form in ("dicom", "nifti"):
        placed = replace(one, format=form)
        assert not write_heatmap(placed, scores, heat, {0: 1.0}, tmp_path)
    assert not list(tmp_path.rglob("*.gz"))


def _rotation(angle: float) -> np.ndarray:
    return np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
