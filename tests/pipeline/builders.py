"""Small archives of DICOM files for the tests of the pipeline."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from batchmri.settings import Settings


def head(rows: int = 64, columns: int = 64, seed: int = 0) -> np.ndarray:
    """A bright ellipse with texture on a dark background, 12 bit."""
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    noise = np.random.default_rng(seed).normal(0, 60, (rows, columns))
    inside = (x / 0.7) ** 2 + (y / 0.85) ** 2 < 1
    picture = np.where(inside, 1500 + 400 * np.sin(6 * x + seed) + noise, 20 + np.abs(noise) / 10)
    return picture.clip(0, 4095).astype(np.uint16)


def uid(*names: object) -> str:
    """A UID derived from names; equal names have equal UIDs."""
    return generate_uid(prefix="1.2.3.", entropy_srcs=[repr(name) for name in names])


def instance(
    study: str = "study",
    series: str = "series",
    number: int = 0,
    pixels: np.ndarray | None = None,
    **tags: object,
) -> pydicom.Dataset:
    """An axial T1 slice, 5 mm above the previous one; `tags` replace or (None) remove elements."""
    pixels = head(seed=number) if pixels is None else pixels
    ds = pydicom.Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = MRImageStorage
    ds.SOPInstanceUID = uid(study, series, number)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.StudyInstanceUID, ds.SeriesInstanceUID = uid(study), uid(study, series)
    ds.PatientID, ds.PatientName = f"id-{study}", f"Name^{study}"
    ds.Modality, ds.SeriesDescription = "MR", "AX T1"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M"]
    ds.InstanceNumber, ds.SeriesNumber = number + 1, 3
    ds.ImagePositionPatient = [-32.0, -32.0, 5.0 * number]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SliceThickness = [1.0, 1.0], 5.0
    ds.RepetitionTime, ds.EchoTime = 500.0, 10.0
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.PixelRepresentation = 0
    ds.PixelData = pixels.astype("<u2").tobytes()
    for name, value in tags.items():
        if value is None:
            delattr(ds, name)
        else:
            setattr(ds, name, value)
    return ds


def save(ds: pydicom.Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder: Path,
    study: str = "study",
    series: str = "series",
    n: int = 6,
    numbers: Sequence[int] | None = None,
    **tags: object,
) -> list[Path]:
    """A series of `n` slices (or of these numbers), one file each."""
    return [
        save(instance(study, series, i, **tags), folder / f"{series}-{i:03d}")
        for i in (range(n) if numbers is None else numbers)
    ]


def changed(settings: Settings, section: str, **values: object) -> Settings:
    """Settings with some values of a section replaced, validated like user input."""
    given = settings.model_dump(exclude_unset=True)
    return Settings.model_validate(given | {section: given.get(section, {}) | values})
