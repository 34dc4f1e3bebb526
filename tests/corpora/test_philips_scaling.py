"""Gray levels of Philips: private scaling per slice does not change prepared slices."""

from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from batchmri.archive.assembly import assemble
from batchmri.formats.decode import DecodeTask, decode_many
from batchmri.preparation.transforms import PreparationSettings, prepare
from batchmri.records import Display
from tests.builders import read_instance
from tests.pipeline.builders import head, instance, save

SETTINGS = PreparationSettings(size=96)
CREATOR = "Philips Imaging DD 001"


def philips(number: int, slope: float, intercept: float, private: float | None) -> Dataset:
    """A slice as Philips writes it: rescale gives displayed values, `private` measured values."""
    ds = instance(number=number, pixels=head(96, 80, seed=number), Manufacturer="Philips",
                  RescaleSlope=slope, RescaleIntercept=intercept)  # fmt: skip
    if private is not None:
        block = ds.private_block(0x2005, CREATOR, create=True)
        block.add_new(0x0D, "FL", -intercept / slope)
        block.add_new(0x0E, "FL", private)
        block.add_new(0x09, "DS", [intercept])
        block.add_new(0x0A, "DS", [slope])
    return ds


def decoded(paths: list[Path]) -> np.ndarray:
    tasks = [DecodeTask("dicom", str(path), (1,), 2, Display(), 1 << 24) for path in paths]
    return np.stack([one.slices[0] for one in decode_many(tasks)])


def measured(path: Path, shown: np.ndarray) -> np.ndarray:
    """The floating point value: shown / (rescale slope × private slope), Chenevert et al. 2014."""
    ds = dcmread(path)
    private = ds.private_block(0x2005, CREATOR)[0x0E].value
    return shown / (float(ds.RescaleSlope) * private)


def test_private_scaling_per_slice_does_not_change_prepared_slices(tmp_path: Path) -> None:
    scales = [(1.0, 0.0, 0.004), (2.5, -7.0, 0.05), (0.31, 120.0, 1.7), (9.0, 0.0, 0.0008)]
    paths = [
        save(philips(number, *scale), tmp_path / f"{number}") for number, scale in enumerate(scales)
    ]
    shown = decoded(paths)
    real = np.stack([measured(path, one) for path, one in zip(paths, shown, strict=True)])
    assert real.max(axis=(1, 2)).max() > 50 * real.max(axis=(1, 2)).min(), "the scales differ"
    as_shown, as_measured = prepare(shown, (1, 1), SETTINGS), prepare(real, (1, 1), SETTINGS)
    assert as_shown.boxes == as_measured.boxes
    assert np.allclose(as_shown.pixels, as_measured.pixels, atol=1e-4)


def test_scaling_per_slice_does_not_split_a_series(tmp_path: Path) -> None:
    """Nor does rescale that varies within a series, as in maps of Philips and Siemens."""
    found = [
        read_instance(save(philips(n, 1.0 + n, 3.0 * n, None if n % 2 else 0.1 * (n + 1)),
                           tmp_path / f"{n}"))
        for n in range(5)
    ]  # fmt: skip
    (study,) = assemble(found, {})
    (series,) = study.series
    assert (series.n_slices, series.flags) == (5, ())
