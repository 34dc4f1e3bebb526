"""Milliseconds per frame of each decoder: python benchmarks/decoders.py [FILE...].

Without files, it encodes a 512 x 512 12-bit image in every transfer syntax for which an encoder is
installed. Decoders are listed in the order in which they are tried; the first should be the
fastest.
"""

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import gdcm
import numpy as np
from pydicom import dcmread, uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame

from batchmri.formats.dicom.codecs import DECODERS, PixelFormat, decode_native

GDCM = {
    uid.JPEGLossless: "JPEGLosslessProcess14",
    uid.JPEGLosslessSV1: "JPEGLosslessProcess14_1",
    uid.JPEGLSLossless: "JPEGLSLossless",
    uid.JPEG2000Lossless: "JPEG2000Lossless",
    uid.RLELossless: "RLELossless",
}


def image() -> np.ndarray:
    """Return smooth shapes with noise, which are as hard to compress as an MR slice."""
    noise = np.random.default_rng(0)
    coarse = noise.normal(800, 500, (24, 24)).astype(np.float32)
    smooth = cv2.resize(coarse, (512, 512), interpolation=cv2.INTER_CUBIC)
    return (smooth + noise.normal(0, 12, (512, 512))).clip(0, 4095).astype(np.uint16)


def native(pixels: np.ndarray, folder: Path) -> Path:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = uid.MRImageStorage, "1.2.3"
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.Rows, ds.Columns = pixels.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = 8 * pixels.dtype.itemsize
    ds.BitsStored = 12 if ds.BitsAllocated == 16 else 8
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, 0
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OW"
    path = folder / "native.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


def encoded(source: Path, folder: Path) -> list[Path]:
    files = [source]
    for syntax, name in GDCM.items():
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
        change.SetInput(reader.GetImage())
        change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(folder / f"{syntax}.dcm"))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.Write()
        files.append(folder / f"{syntax}.dcm")
    ds = dcmread(native((image() // 16).astype(np.uint8), folder))
    jpeg = cv2.imencode(".jpg", ds.pixel_array)[1].tobytes()
    ds.file_meta.TransferSyntaxUID = uid.JPEGBaseline8Bit
    ds.PixelData = encapsulate([jpeg])
    ds["PixelData"].VR = "OB"
    ds.save_as(folder / "baseline.dcm", enforce_file_format=True)
    return [*files, folder / "baseline.dcm"]


def milliseconds(decoder, *arguments: object) -> float:
    times = []
    for _ in range(15):
        start = time.perf_counter()
        decoder(*arguments)
        times.append(time.perf_counter() - start)
    return 1000 * sorted(times)[len(times) // 4]


def report(path: Path) -> None:
    ds = dcmread(path)
    syntax = ds.file_meta.TransferSyntaxUID
    form = PixelFormat(
        ds.Rows, ds.Columns, ds.BitsAllocated, ds.BitsStored, bool(ds.PixelRepresentation)
    )
    if syntax in DECODERS:
        data = get_frame(ds.PixelData, 0, number_of_frames=int(ds.get("NumberOfFrames") or 1))
        decoders = DECODERS[syntax]
    else:
        data, decoders = ds.PixelData[: form.n_bytes], {"native": decode_native}
    for name, decoder in decoders.items():
        spent = milliseconds(decoder, data, syntax, form)
        size = f"{form.rows} x {form.columns}, {form.bits_stored} bit"
        print(f"{syntax.name[:58]:58} {size:22} {name:10} {spent:6.2f} ms", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        files = options.files
        if not files:
            source = native(image(), Path(folder))
            kept = source.rename(Path(folder) / "explicit.dcm")
            files = encoded(kept, Path(folder))
        for path in files:
            report(path)


if __name__ == "__main__":
    main()
