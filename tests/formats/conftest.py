from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmwrite, uid
from pydicom.dataset import FileDataset, FileMetaDataset

from batchmri.formats.decode import Decoded, DecodeTask, decode
from batchmri.records import Display

Make = Callable[..., Path]
Decode = Callable[..., Decoded]


@pytest.fixture
def ramp() -> np.ndarray:
    """12-bit image whose pixel values encode their positions."""
    rows, columns = np.mgrid[:40, :36]
    return (rows * 60 + columns * 31 + (rows * columns) % 7 * 3).astype(np.uint16)


@pytest.fixture
def dicom(tmp_path: Path) -> Make:
    """Write a DICOM file of one (rows, columns) or several (frames, rows, columns) frames."""

    def make(
        frames: np.ndarray,
        syntax: str = uid.ExplicitVRLittleEndian,
        pixel_data: bytes | None = None,
        name: str = "image.dcm",
        **attributes: Any,
    ) -> Path:
        order = ">" if syntax == uid.ExplicitVRBigEndian else "<"
        stack = frames if frames.ndim == 3 else frames[None]
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = uid.UID(syntax)
        meta.MediaStorageSOPClassUID = uid.MRImageStorage
        meta.MediaStorageSOPInstanceUID = "1.2.3"
        implicit = syntax == uid.ImplicitVRLittleEndian
        ds = FileDataset(None, {}, b"\0" * 128, meta, implicit, order == "<")
        ds.SOPClassUID, ds.SOPInstanceUID = uid.MRImageStorage, "1.2.3"
        ds.NumberOfFrames, ds.Rows, ds.Columns = stack.shape
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated = ds.BitsStored = 8 * stack.dtype.itemsize
        ds.HighBit = ds.BitsStored - 1
        ds.PixelRepresentation = int(stack.dtype.kind == "i")
        if pixel_data is None:
            pixel_data = stack.astype(stack.dtype.newbyteorder(order)).tobytes()
        ds.PixelData = pixel_data
        ds["PixelData"].VR = "OB" if uid.UID(syntax).is_encapsulated else "OW"
        for keyword, value in attributes.items():
            setattr(ds, keyword, value)
        path = tmp_path / name
        dcmwrite(path, ds, enforce_file_format=True)
        return path

    return make


@pytest.fixture
def decoded() -> Decode:
    """Decode frames of a file, by default in stored orientation."""

    def run(path: Path, *frames: int, **options: Any) -> Decoded:
        kind = "dicom" if path.suffix == ".dcm" else "nifti"
        options = {"slice_axis": 2, "display": Display(), "max_bytes": 1 << 28} | options
        return decode(DecodeTask(kind, str(path), frames or (1,), **options))

    return run
