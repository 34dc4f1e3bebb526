"""Generated archives for benchmarks: heads as NIfTI volumes, raw DICOM and JPEG 2000 DICOM."""

import platform
from pathlib import Path

import nibabel
import numpy as np

from tests.pipeline.builders import head, write_series

KINDS = ("nifti", "dicom", "jpeg2000")
SLICES = 24
SIDE = 256
_MM = 230.0


def make(folder: Path, kind: str, n_series: int, side: int = SIDE) -> None:
    """Write `n_series` T1 series of 24 slices of `side` × `side` pixels, one study each."""
    for number in range(n_series):
        slices = [head(side, side, seed=SLICES * number + k) for k in range(SLICES)]
        if kind == "nifti":
            folder.mkdir(parents=True, exist_ok=True)
            volume = np.stack([s.T for s in slices], axis=2).astype(np.int16)
            image = nibabel.Nifti1Image(volume, np.diag([_MM / side, _MM / side, 5.0, 1.0]))
            nibabel.save(image, folder / f"sub-{number:03d}_T1w.nii.gz")
            continue
        for k, pixels in enumerate(slices):
            (path,) = write_series(
                folder / f"{number:03d}", f"study-{number}", "t1", numbers=[k],
                pixels=pixels, PixelSpacing=[_MM / side] * 2
            )  # fmt: skip
            if kind == "jpeg2000":
                _compress(path)


def _compress(path: Path) -> None:
    import gdcm  # imported late: after it, writing gzipped NIfTI crashes in free()

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEG2000Lossless))
    change.SetInput(reader.GetImage())
    change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.Write()


def machine() -> str:
    """Processor, number of cores, and load."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    names = [line.partition(":")[2].strip() for line in info.splitlines() if "model name" in line]
    load = Path("/proc/loadavg").read_text(encoding="ascii").split()[0]
    name = names[0] if names else platform.processor()
    return f"{name}, {len(names)} cores, load before the run {load}"
