"""Reading pictures that lie in a folder per class: each is reduced once, and forgotten."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.errors import UsageError
from batchmri.training.folders import is_litter

Bytes = npt.NDArray[np.uint8]
SIDE = 64  # of a reduced picture: enough to tell neighbouring slices apart, 4 kB each
_SUFFIXES = {f".{kind}": kind for kind in ("jpeg", "png", "bmp", "tiff", "webp")}
_SUFFIXES |= {".jpg": "jpeg", ".tif": "tiff"}
_MAGIC = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG": "png",
    b"BM": "bmp",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"RIFF": "webp",
}
_ENDS = {"jpeg": b"\xff\xd9", "png": b"IEND"}
_TINY = 64  # pixels of the shorter side
_COLOUR = 16  # difference between channels; less is what JPEG leaves of grey
_BLANK = 2.0  # standard deviation of the grey levels, of 255


@dataclass(frozen=True, slots=True)
class Found:
    """A file below a folder per class: DIR/label/file, or DIR/split/label/file.

    `name` is its path from the folder that DIR lies in; `split` the folder that holds the class.
    """

    path: Path
    name: str
    split: str
    label: str


@dataclass(frozen=True, slots=True)
class OddFile:
    """A file that a person should look at, and why (`code`); `used` where it is audited anyway."""

    name: str
    code: str
    detail: str
    used: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """What the audit keeps of a picture.

    `small` is the picture reduced to (SIDE, SIDE), whatever its aspect; `file_digest` and
    `pixel_digest` are equal where the bytes, the grey levels at full size are.
    """

    found: Found
    width: int
    height: int
    file_digest: bytes
    pixel_digest: bytes
    small: Bytes
    odd: tuple[OddFile, ...] = ()

    @property
    def blank(self) -> bool:
        """Whether it shows next to nothing, so that no look at it could compare it."""
        return float(self.small.std()) < _BLANK


def find_files(folders: Sequence[Path]) -> list[Found]:
    """All files below the folders, each once, in the order of their names.

    Raises UsageError where a folder is missing.
    """
    found: dict[Path, Found] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
        root = folder.resolve()
        for path in _walk(root):
            label, split = path.parent.name, path.parent.parent.name
            if path.parent == root:
                label = split = ""
            name = path.relative_to(root.parent).as_posix()
            found.setdefault(path, Found(path, name, split, label))
    return sorted(found.values(), key=lambda file: (file.name, file.path))


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not is_litter(name)]
        for name in names:
            if not is_litter(name):
                yield Path(folder, name)


def read_picture(found: Found) -> Picture | OddFile:
    """Reduce one picture, or say why it cannot be used."""
    expected = _SUFFIXES.get(found.path.suffix.lower())
    if expected is None:
        return OddFile(found.name, "not_a_picture", f"suffix {found.path.suffix!r}")
    if not found.label:
        return OddFile(found.name, "no_class", "lies in no class folder")
    try:
        data = found.path.read_bytes()
    except OSError as error:
        return OddFile(found.name, "unreadable", str(error.strerror))
    if not data:
        return OddFile(found.name, "empty_file", "0 bytes")
    kind = _kind(data)
    pixels = _decoded(data)
    if pixels is None or not _has_end(data, kind):
        cut = bool(kind) and not _has_end(data, kind)
        return OddFile(found.name, "truncated" if cut else "unreadable", f"{len(data)} bytes")
    grey = _grey(pixels)
    height, width = grey.shape
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    reduced = np.asarray(small, np.uint8)
    shape = f"{width}x{height}".encode()
    return Picture(
        found,
        width,
        height,
        hashlib.sha256(data).digest(),
        hashlib.sha256(shape + grey.tobytes()).digest(),
        reduced,
        tuple(
            OddFile(found.name, code, detail, used=True)
            for code, detail in _oddities(pixels, reduced, kind, expected)
        ),
    )


def _kind(data: bytes) -> str:
    return next((kind for magic, kind in _MAGIC.items() if data.startswith(magic)), "")


def _has_end(data: bytes, kind: str) -> bool:
    return _ENDS.get(kind, b"") in data[-4096:]


def _decoded(data: bytes) -> npt.NDArray[np.generic] | None:
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # a header that promises more pixels than OpenCV takes
        return None


def _grey(pixels: npt.NDArray[np.generic]) -> Bytes:
    """One channel in 8 bits; deeper ones are stretched from their darkest to their brightest."""
    if pixels.dtype != np.uint8:
        deep = np.nan_to_num(pixels.astype(np.float32))
        span = max(float(deep.max() - deep.min()), 1e-6)
        pixels = ((deep - deep.min()) * (255 / span)).astype(np.uint8)
    if pixels.ndim == 2:
        return pixels.astype(np.uint8, copy=False)
    colours = np.ascontiguousarray(pixels[..., :3], np.uint8)
    if _colour(pixels) > 0:
        return np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY), np.uint8)
    return np.ascontiguousarray(colours[..., 0])


def _colour(pixels: npt.NDArray[np.generic]) -> float:
    """The largest difference between channels."""
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        return 0.0
    blue, green, red = (np.ascontiguousarray(pixels[..., channel]) for channel in range(3))
    pairs = ((blue, green), (green, red), (red, blue))
    return max(float(cv2.absdiff(one, other).max()) for one, other in pairs)


def _oddities(
    pixels: npt.NDArray[np.generic], small: Bytes, kind: str, expected: str
) -> Iterator[tuple[str, str]]:
    height, width = pixels.shape[:2]
    if kind != expected:
        yield "wrong_suffix", f"{kind or 'unknown'} content"
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        yield "has_alpha", f"{pixels.shape[2]} channels"
    difference = _colour(pixels)
    if difference > _COLOUR:
        yield "colour", f"channels differ by {difference:g}"
    if pixels.dtype != np.uint8:
        yield "deep", str(pixels.dtype)
    if min(width, height) < _TINY:
        yield "tiny", f"{width} x {height}"
    if small.std() < _BLANK:
        yield "blank", f"grey levels {small.min()} to {small.max()}"
