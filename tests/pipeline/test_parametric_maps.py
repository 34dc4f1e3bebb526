"""Parametric Maps of scans: the frames have the geometry of the instances that they refer to."""

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from batchmri.outputs.paths import heatmap_path
from batchmri.pipeline.commands.dicom_command import dicom
from batchmri.pipeline.scan import scan
from batchmri.records import FloatArray, SeriesKey
from batchmri.settings import Settings
from tests.outputs.dicom.validity import dciodvfy_errors
from tests.pipeline.builders import changed, head, instance, save, uid, write_series
from tests.pipeline.outputs import table

_CELLS, _SPOT, _N = 8, 6, 8
_TAGS = {"SeriesDescription": "AX T1 +C", "FrameOfReferenceUID": uid("frame of reference")}


class BrightestCell:
    """A backend that predicts glioma, and whose class map is hot where a slice is brightest."""

    batch_size = 8
    bias = np.array([0.3, 0.2, 0.1, 0.0], np.float32)

    def run(self, batch: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Class maps and features of a batch (n, channels, rows, columns)."""
        maps = np.broadcast_to(self.bias[:, None, None], (len(batch), 4, _CELLS, _CELLS)).copy()
        size = batch.shape[-1] // _CELLS
        cells = batch.mean(axis=1).reshape(len(batch), _CELLS, size, _CELLS, size).mean(axis=(2, 4))
        for of_slice, means in zip(maps, cells, strict=True):
            of_slice[0][np.unravel_index(means.argmax(), means.shape)] += _CELLS**2 * 9
        return maps, np.zeros((len(batch), 1504), np.float32)


@pytest.fixture(autouse=True)
def backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "batchmri.pipeline.run.loaded_model.load_backend", lambda *_: BrightestCell()
    )


@pytest.fixture
def plain(settings: Settings) -> Settings:
    return changed(settings, "report", html=False, gradcam="none")


@pytest.fixture
def wanted(plain: Settings) -> Settings:
    return changed(plain, "report", dicom_results=("pm",))


def spot(number: int) -> tuple[int, int]:
    """Row and column of the center of the bright spot in a slice, different in each."""
    return 16 + 4 * number, (40, 24)[number % 2] - number


def write_spots(folder: Path, orientation: list[float], step: float) -> None:
    for number in range(_N):
        pixels = head(seed=number)
        row, column = spot(number)
        pixels[row - _SPOT : row + _SPOT, column - _SPOT : column + _SPOT] = 4095
        normal = np.cross(orientation[:3], orientation[3:])
        ds = instance(
            number=number,
            pixels=pixels,
            ImageOrientationPatient=orientation,
            ImagePositionPatient=list(normal * step * number),
            **_TAGS,
        )
        save(ds, folder / f"{(5 * number) % _N}.dcm")  # not in the order of the slices


def maps(out: Path) -> list[Path]:
    return sorted(out.glob("dicom/*/*/pm-*.dcm"))


@pytest.mark.parametrize(
    ("orientation", "step"),
    [
        ([1, 0, 0, 0, 1, 0], 5.0),
        ([1, 0, 0, 0, 1, 0], -5.0),
        ([0, 1, 0, 1, 0, 0], 5.0),
        ([0, 1, 0, 0, 0, -1], 5.0),
        ([-1, 0, 0, 0, 0, 1], -5.0),
    ],
    ids=["axial", "downward", "axial transposed", "sagittal", "coronal rotated"],
)
def test_a_frame_is_hot_where_its_source_instance_is_bright(
    tmp_path: Path, wanted: Settings, orientation: list[float], step: float
) -> None:
    write_spots(tmp_path / "archive", orientation, step)
    out = tmp_path / "out"
    assert scan([tmp_path / "archive"], out=out, settings=wanted).exit_code == 0
    (path,) = maps(out)
    assert dciodvfy_errors(path) == []
    image = dcmread(path)
    numbers = {uid("study", "series", number): number for number in range(_N)}
    seen = set()
    frames = zip(image.pixel_array, image.PerFrameFunctionalGroupsSequence, strict=True)
    for values, groups in frames:
        (source,) = groups.DerivationImageSequence[0].SourceImageSequence
        number = numbers[source.ReferencedSOPInstanceUID]
        hot = np.unravel_index(values.argmax(), values.shape)
        assert np.abs(np.subtract(hot, spot(number))).max() <= 64 / _CELLS
        position = groups.PlanePositionSequence[0].ImagePositionPatient
        expected = np.cross(orientation[:3], orientation[3:]) * step * number
        np.testing.assert_allclose([float(x) for x in position], expected, atol=1e-6)
        seen.add(number)
    assert len(seen) == len(table(out, "slices")) >= _N - 2


def test_values_are_those_of_the_nifti_heat_map(tmp_path: Path, wanted: Settings) -> None:
    write_spots(tmp_path / "archive", [1, 0, 0, 0, 1, 0], 5.0)
    out = tmp_path / "out"
    scan([tmp_path / "archive"], out=out, settings=wanted)
    (path,) = maps(out)
    assert path.stat().st_mode & 0o777 == 0o600
    volume = nibabel.load(out / heatmap_path(SeriesKey(uid("study"), uid("study", "series"))))
    stored = np.asarray(volume.dataobj).transpose(2, 1, 0)
    indices = {row["instance_uid"]: int(row["slice_index"]) for row in table(out, "slices")}
    image = dcmread(path)
    frames = image.PerFrameFunctionalGroupsSequence
    sources = [frame.DerivationImageSequence[0].SourceImageSequence[0] for frame in frames]
    assert len(sources) == len(indices)
    expected = stored[[indices[source.ReferencedSOPInstanceUID] for source in sources]]
    np.testing.assert_array_equal(image.pixel_array, expected)


def test_maps_after_the_fact_are_those_of_the_scan(tmp_path: Path, wanted: Settings) -> None:
    archive = tmp_path / "archive"
    write_spots(archive, [1, 0, 0, 0, 1, 0], 5.0)
    scan([archive], out=tmp_path / "one", settings=wanted)
    heat_only = changed(changed(wanted, "report", dicom_results=()), "report", heatmaps="nifti")
    scan([archive], out=tmp_path / "two", settings=heat_only)
    assert maps(tmp_path / "two") == []
    assert dicom(tmp_path / "two", kinds=("sr", "pm")) == 0
    (first,), (second,) = maps(tmp_path / "one"), maps(tmp_path / "two")
    assert first.read_bytes() == second.read_bytes()
    before = second.stat().st_mtime_ns
    assert dicom(tmp_path / "two", kinds=("sr", "pm")) == 0
    assert second.stat().st_mtime_ns == before


def test_series_without_a_heat_map_are_named_in_one_line(
    tmp_path: Path, plain: Settings, wanted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive / "a", **_TAGS)
    write_series(archive / "b", study="second", **_TAGS)
    scan([archive], out=out, settings=plain)
    capsys.readouterr()
    assert dicom(out, kinds=("sr", "pm")) == 0
    (line,) = [one for one in capsys.readouterr().err.splitlines() if "no Parametric Map" in one]
    assert "series=2" in line and "archive/a" in line and "archive/b" in line
    assert (len(maps(out)), len(list(out.glob("dicom/*/*/sr.dcm")))) == (0, 2)
    scan([archive], out=out, settings=wanted)  # switches heat maps on for the studies it knows
    assert len(maps(out)) == 2
    assert "no Parametric Map" not in capsys.readouterr().err
    next(out.glob("gradcam/*/*/*_heatmap.nii.gz")).unlink()
    assert dicom(out, kinds=("pm",)) == 0
    line = capsys.readouterr().err
    assert "a scan with --dicom-results pm writes missing heat maps series=1" in line
    assert "(its heat map was deleted)" in line
    scan([archive], out=out, settings=wanted)
    assert len(maps(out)) == 2


def test_a_map_without_frame_of_reference_does_not_cost_the_report(
    tmp_path: Path, wanted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive, SeriesDescription="AX T1 +C")
    settings = changed(wanted, "report", dicom_results=("sr", "pm"))
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert maps(out) == [] and list(out.glob("dicom/*/*/sr.dcm"))
    assert "FrameOfReferenceUID is missing" in capsys.readouterr().err


def test_a_map_found_in_the_archive_changes_nothing(tmp_path: Path, wanted: Settings) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive, **_TAGS)
    scan([archive], out=out, settings=wanted)
    (path,) = maps(out)
    content = path.read_bytes()
    shutil.copy(path, archive / "received.dcm")
    outcome = scan([archive], out=out, settings=wanted)
    assert (outcome.exit_code, dict(outcome.totals.changes)) == (0, {})
    assert "own_result" in {row["reason"] for row in table(out, "series")}
    assert [one.read_bytes() for one in maps(out)] == [content]
