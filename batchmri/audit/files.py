"""Reading of images in one folder per class; only a reduced copy of each is kept."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from batchmri.errors import UsageError
from batchmri.training.folders import is_system_file

Bytes = npt.NDArray[np.uint8]
SIDE = 64  # of a reduced image, in pixels: enough to distinguish adjacent slices, 4 kB each
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
_TINY = 64  # shorter side, in pixels
_COLOR = 16  # difference between channels; JPEG compression of gray images causes smaller ones
_BLANK = 2.0  # standard deviation of the gray levels, of 255


@dataclass(frozen=True, slots=True)
class Found:
    """A file in a class folder: DIR/label/file or DIR/split/label/file.

    `name` is the path relative to the parent of DIR. `split` is the name of the folder that
    contains the class folder.
    """

    path: Path
    name: str
    split: str
    label: str


@dataclass(frozen=True, slots=True)
class OddFile:
    """A file to be inspected, with the reason (`code`); `used` if it is audited nevertheless."""

    name: str
    code: str
    detail: str
    used: bool = False


@dataclass(frozen=True, slots=True)
class AuditedImage:
    """Properties of an image that the audit keeps in memory.

    `small` is the image resized to (SIDE, SIDE) regardless of its aspect ratio. `file_digest` is
    the SHA-256 of the file, `pixel_digest` that of the size and the gray levels at full size.
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
        """Whether the image is nearly uniform, so that it cannot be compared with others."""
        return float(self.small.std()) < _BLANK


def find_files(folders: Sequence[Path]) -> list[Found]:
    """Find all files in the folders and their subfolders, each once, ordered by name.

    Raises UsageError if a folder is missing.
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
        folders[:] = [name for name in folders if not is_system_file(name)]
        for name in names:
            if not is_system_file(name):
                yield Path(folder, name)


def read_image(found: Found) -> AuditedImage | OddFile:
    """Read and reduce an image, or return why the file cannot be used."""
    expected = _SUFFIXES.get(found.path.suffix.lower())
    if expected is None:
        return OddFile(found.name, "not_an_image", f"suffix {found.path.suffix!r}")
    if not found.label:
        return OddFile(found.name, "no_class", "is not in a class folder")
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
    gray = _to_gray(pixels)
    height, width = gray.shape
    small = cv2.resize(gray, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    reduced = np.asarray(small, np.uint8)
    shape = f"{width}x{height}".encode()
    return AuditedImage(
        found,
        width,
        height,
        hashlib.sha256(data).digest(),
        hashlib.sha256(shape + gray.tobytes()).digest(),
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
    except cv2.error:  # the header declares more pixels than OpenCV accepts
        return None


def _to_gray(pixels: npt.NDArray[np.generic]) -> Bytes:
    """Convert to 8-bit grayscale; other types are stretched from their minimum to maximum."""
    if pixels.dtype != np.uint8:
        deep = np.nan_to_num(pixels.astype(np.float32))
        span = max(float(deep.max() - deep.min()), 1e-6)
        pixels = ((deep - deep.min()) * (255 / span)).astype(np.uint8)
    if pixels.ndim == 2:
        return pixels.astype(np.uint8, copy=False)
    channels = np.ascontiguousarray(pixels[..., :3], np.uint8)
    if _channel_difference(pixels) > 0:
        return np.asarray(cv2.cvtColor(channels, cv2.COLOR_BGR2GRAY), np.uint8)
    return np.ascontiguousarray(channels[..., 0])


def _channel_difference(pixels: npt.NDArray[np.generic]) -> float:
    """Return the largest difference between color channels."""
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
    difference = _channel_difference(pixels)
    if difference > _COLOR:
        yield "color", f"channels differ by {difference:g}"
    if pixels.dtype != np.uint8:
        yield "deep", str(pixels.dtype)
    if min(width, height) < _TINY:
        yield "tiny", f"{width} x {height}"
    if small.std() < _BLANK:
        yield "blank", f"gray levels {small.min()} to {small.max()}"
