"""Make the sample studies: `python sample_data/make.py [--out DIR] [--only NAME]`.

Writes to the folder of this file unless `--out` is given. This takes about a minute and needs
nilearn (for its MNI152 template) and scipy. See README.md.
"""

import argparse
import gzip
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from acquire import Picture, Stack, scan
from instances import (
    Examination,
    compress,
    localizer,
    report,
    save,
    screenshot,
    t1_after_contrast,
)
from lesions import Glioma, Meningioma
from phantom import make_head

ALPHA = Examination("alpha", "MADEUP^ALPHA", "SAMPLE-A")
BETA = Examination("beta", "MADEUP^BETA", "SAMPLE-B")
BROKEN = Examination("broken", "MADEUP^BROKEN", "SAMPLE-X")

_LEFT = (-1.0, 0.0, 0.0)
_BACK = (0.0, -1.0, 0.0)
_DOWN = (0.0, 0.0, -1.0)


def _axial(degrees: float, height: float, n_slices: int, spacing: float, pixel: float) -> Stack:
    """An axial stack whose front is raised by `degrees`, as is usual to exclude the eyes."""
    angle = math.radians(degrees)
    back = (0.0, -math.cos(angle), -math.sin(angle))
    return Stack((0.0, -19.0, height), _LEFT, back, n_slices, spacing, 0.9 * spacing, pixel, 256)


def make_alpha(out: Path) -> None:
    """A glioma in the right hemisphere; uncompressed DICOM, with a localizer and a report."""
    head = make_head(7, Glioma((30.0, -28.0, 24.0), 17.0))
    folder = out / "archive" / "alpha"
    stack = _axial(12, 26, 24, 5.0, 0.9375)
    for index, picture in enumerate(scan(head, stack, 7)):
        data = t1_after_contrast(ALPHA, index + 1, picture, stack, index)
        save(data, folder / "t1-post" / f"IM{index + 1:04}.dcm")
    planes = [(_LEFT, _BACK), (_LEFT, _DOWN), (_BACK, _DOWN)]
    for number, (row, column) in enumerate(planes, start=1):
        plane = Stack((0.0, -17.0, 15.0), row, column, 1, 10.0, 8.0, 1.25, 192)
        picture = scan(head, plane, 70 + number, sigma=0.05)[0]
        data = localizer(ALPHA, number, picture, plane)
        save(data, folder / "localizer" / f"IM{number:04}.dcm")
    text = "Made up: a ring-enhancing mass in the right hemisphere. No patient, no finding."
    save(report(ALPHA, text), folder / "report" / "SR0001.dcm")


def make_beta(out: Path) -> None:
    """No lesion; JPEG 2000, names without extension, instance numbers of an interleaved scan."""
    stack = _axial(6, 27, 22, 5.5, 0.9)
    pictures = scan(make_head(3), stack, 3)
    interleaved = [*range(0, stack.n_slices, 2), *range(1, stack.n_slices, 2)]
    for number, index in enumerate(interleaved, start=1):
        data = compress(t1_after_contrast(BETA, number, pictures[index], stack, index))
        save(data, out / "archive" / "DISC" / "PAT00001" / f"{number:08}")


def _nifti(pictures: list[Picture], stack: Stack) -> bytes:
    """A gzipped NIfTI file in radiological storage order (x to the left, rows from the back)."""
    volume = np.stack([picture[::-1].T for picture in pictures], axis=2).astype(np.int16)
    affine = np.eye(4)
    row, column = np.asarray(stack.row), np.asarray(stack.column)
    affine[:3, 0] = row * stack.pixel
    affine[:3, 1] = -column * stack.pixel
    affine[:3, 2] = stack.normal * stack.spacing
    affine[:3, 3] = stack.position(0) + column * stack.pixel * (stack.size - 1)
    image = nib.Nifti1Image(volume, affine)  # type: ignore[no-untyped-call]
    image.header["qform_code"] = image.header["sform_code"] = 1  # scanner coordinates
    image.header["xyzt_units"] = 2  # mm
    image.header["descrip"] = b"Made up from the MNI152 template, no patient"
    return gzip.compress(image.to_bytes(), mtime=0)


def make_gamma(out: Path) -> None:
    """A meningioma at the left convexity; one NIfTI file in a BIDS folder."""
    stack = replace(_axial(9, 26, 26, 4.5, 1.0), size=232)
    pictures = scan(make_head(23, Meningioma((-52.0, 18.0, 34.0), 19.0)), stack, 23)
    path = out / "archive" / "sub-gamma" / "anat" / "sub-gamma_ce-gadolinium_T1w.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_nifti(pictures, stack))


def make_broken(out: Path) -> None:
    """Defective files as archives contain them: truncated, empty, not DICOM, or duplicated."""
    folder = out / "broken"
    stack = replace(_axial(12, 26, 5, 18.0, 1.875), size=128)
    pictures = scan(make_head(11), stack, 31)

    def write(name: str, series: str, index: int, *, pixels: bool = True) -> Path:
        data = t1_after_contrast(BROKEN, index + 1, pictures[index], stack, index)
        data.SeriesInstanceUID = BROKEN.uid(series)
        data.SOPInstanceUID = BROKEN.uid(series, index)
        if not pixels:
            del data.PixelData
        save(data, folder / name)
        return folder / name

    truncated = write("truncated.dcm", "truncated", 2)
    truncated.write_bytes(truncated.read_bytes()[:20_000])
    write("no-pixels.dcm", "no-pixels", 2, pixels=False)
    for index in range(stack.n_slices):
        write(f"duplicate/slice-{index}.dcm", "duplicate", index)
    write("duplicate/slice-2-again.dcm", "duplicate", 2)
    save(screenshot(BROKEN, pictures[3]), folder / "screenshot.dcm")
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "text.dcm").write_text("Not a picture, whatever the name says.\n")
    whole = _nifti(pictures, stack)
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) * 3 // 5])


STUDIES: dict[str, Callable[[Path], None]] = {
    "alpha": make_alpha,
    "beta": make_beta,
    "gamma": make_gamma,
    "broken": make_broken,
}


def main() -> None:
    """Write the requested studies."""
    parser = argparse.ArgumentParser(description="Make the sample studies.")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--only", choices=STUDIES, help="make only this study")
    options = parser.parse_args()
    for name, make in STUDIES.items():
        if options.only in (None, name):
            make(options.out)


if __name__ == "__main__":
    main()
