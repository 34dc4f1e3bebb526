"""Images that are in distribution, shifted from it, near it, or far from it (as in OpenMIBOOD).

`shifted` are T1 images that were resaved, blurred, flipped or resampled. `near` are brain images of
other sequences or with a contrast that T1 does not have. `far` are CT, photographs, phantoms, text
and noise, from installed packages or generated here. The choice of a score may depend on all of
these, but not on the items of volumes/out-of-field, which are evaluated once, at the end.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import matplotlib.cbook
import nibabel
import numpy as np
import numpy.typing as npt
import pydicom
import pydicom.data
from sklearn.datasets import load_sample_images

from batchmri.geometry import slice_axis_of

Image = npt.NDArray[np.float32]
_SEED = 0
_DICOM = ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm", "693_J2KI.dcm",
          "examples_rgb_color.dcm", "examples_ybr_color.dcm", "examples_palette.dcm")  # fmt: skip
_SIDE = 256
_OF_A_SERIES = 24  # slices of a volume at most


def shifted(images: list[Image]) -> Iterator[tuple[str, Image]]:
    """Return modified copies of T1 images, as other archives may contain them."""
    for image in images:
        peak = max(float(image.max()), 1.0)
        unit = (image / peak * 255).clip(0, 255).astype(np.uint8)
        _, saved = cv2.imencode(".jpg", unit, [cv2.IMWRITE_JPEG_QUALITY, 30])
        yield "resaved as JPEG", cv2.imdecode(saved, cv2.IMREAD_GRAYSCALE).astype(np.float32)
        half = cv2.resize(unit, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        yield "half the resolution", half.astype(np.float32)
        yield "blurred", cv2.GaussianBlur(unit, (0, 0), unit.shape[1] / 256).astype(np.float32)
        yield "flipped", unit[:, ::-1].astype(np.float32)
        yield "brighter", (255 * (unit / 255.0) ** 0.7).astype(np.float32)


def inverted(images: list[Image]) -> Iterator[tuple[str, Image]]:
    """Return T1 images with inverted gray levels inside the head, so that fluid is bright."""
    for image in images:
        inside = image > 0.1 * np.percentile(image, 99)
        yield "inverted T1", np.where(inside, float(image.max()) - image, 0).astype(np.float32)


def far() -> Iterator[tuple[str, Image]]:
    """Return images that do not show a brain."""
    random = np.random.default_rng(_SEED)
    for name in _DICOM:
        path = pydicom.data.get_testdata_file(name)
        if path is not None:
            yield f"pydicom {name}", _gray(pydicom.dcmread(str(path)).pixel_array)
    photographs = [*load_sample_images().images, _hopper()]
    for photograph in photographs:
        gray = _gray(photograph)
        for _ in range(4):
            row, column = (int(random.integers(side - _SIDE)) for side in gray.shape)
            yield "photograph", gray[row : row + _SIDE, column : column + _SIDE]
    for _ in range(8):
        yield "noise", random.rayleigh(60, (_SIDE, _SIDE)).astype(np.float32)
        yield "phantom", _phantom(random)
        yield "text", _text(random)


def _hopper() -> npt.NDArray[np.uint8]:
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as handle:
        content = np.frombuffer(handle.read(), np.uint8)
    found: npt.NDArray[np.uint8] = cv2.imdecode(content, cv2.IMREAD_COLOR)
    return found


def _gray(pixels: npt.NDArray[np.generic]) -> Image:
    array = np.asarray(pixels, np.float32)
    if array.shape[-1] in (3, 4):
        array = array[..., :3].mean(-1)
    return array if array.ndim == 2 else array[0]


def _phantom(random: np.random.Generator) -> Image:
    """Return a bright ellipse with inserts."""
    image = np.zeros((_SIDE, _SIDE), np.uint8)
    cv2.ellipse(image, (128, 128), (100, int(random.integers(80, 110))), 0, 0, 360, 150, -1)
    for _ in range(int(random.integers(3, 9))):
        center = tuple(int(value) for value in random.integers(70, 186, 2))
        cv2.circle(image, center, int(random.integers(4, 20)), int(random.integers(0, 255)), -1)
    noisy: Image = np.abs(image + random.normal(0, 4, image.shape)).astype(np.float32)
    return noisy


def _text(random: np.random.Generator) -> Image:
    """Return lines of digits."""
    image = np.zeros((_SIDE, _SIDE), np.uint8)
    for row in range(24, _SIDE, 24):
        line = " ".join(str(value) for value in random.integers(0, 9999, 5))
        cv2.putText(image, line, (8, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    return image.astype(np.float32)


def out_of_field(folder: Path) -> Iterator[tuple[str, Image]]:
    """Return the images of volumes/out-of-field, on which no choice may depend."""
    for item in sorted(path for path in folder.iterdir() if path.is_dir()):
        for file in sorted(item.rglob("*")):
            if file.is_file():
                yield from ((item.name, image) for image in _images(file))


def _images(file: Path) -> list[Image]:
    if file.name.endswith((".nii", ".nii.gz")):
        image = nibabel.as_closest_canonical(nibabel.load(file))  # type: ignore[no-untyped-call]
        volume = np.nan_to_num(np.asarray(image.dataobj, np.float32))
        volume = volume.reshape(*volume.shape[:3], -1)[..., 0]
        axis = slice_axis_of(volume.shape, image.affine)
        places = np.linspace(0, volume.shape[axis] - 1, _OF_A_SERIES).astype(int)
        return [np.rot90(volume.take(index, axis)).copy() for index in np.unique(places)]
    pixels = np.asarray(pydicom.dcmread(file).pixel_array, np.float32)
    if pixels.ndim == 4 or (pixels.ndim == 3 and pixels.shape[-1] in (3, 4)):
        pixels = pixels[..., :3].mean(-1)
    return [pixels] if pixels.ndim == 2 else list(pixels[:_OF_A_SERIES])
