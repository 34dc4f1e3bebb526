"""Preparation of slices in the decoding processes, which return them through shared memory.

Only brain boxes and shapes are sent between processes. The prepared slices of a request are views
of its shared memory, and its decoded pixels stay there until pictures have been drawn.
"""

import mmap
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from batchmri.formats.decode_task import Decoded, DecodeTask, Refusal
from batchmri.preparation.skull_stripped import is_skull_stripped
from batchmri.preparation.transforms import PreparationSettings, Spacing, prepare_slice
from batchmri.reasons import Reason
from batchmri.records import CropBox, FloatArray
from batchmri.shared_file import SharedFile
from batchmri.verdict.domain import SKULL_STRIPPED

_BYTES_PER_PIXEL = 4
_CHANGED = Refusal(Reason.BAD_PIXELS, "the file changed since its header was read")


@dataclass(frozen=True, slots=True)
class SharedPixels:
    """A decoded slice of `shape` (rows, columns), float32, that starts at a byte of `memory`."""

    memory: SharedFile
    start: int
    shape: tuple[int, int]

    @property
    def n_bytes(self) -> int:
        """Size in bytes."""
        return self.shape[0] * self.shape[1] * _BYTES_PER_PIXEL

    def read(self) -> FloatArray:
        """Return a copy of the pixels, in any process."""
        pixels = np.empty(self.shape, np.float32)
        with self.memory.opened() as descriptor:
            os.preadv(descriptor, [pixels.data], self.start)
        return pixels


@dataclass(frozen=True, slots=True)
class PreparedSlice:
    """A prepared slice (1, size, size), its box and flags, and its decoded pixels if kept."""

    image: FloatArray
    box: CropBox
    flags: tuple[str, ...]
    pixels: SharedPixels | None


@dataclass(frozen=True, slots=True)
class SliceMemory:
    """Shared memory for the slices of one request.

    It contains the prepared slices, followed by the decoded ones in slots of `slot` bytes; 0 if
    decoded slices are not kept.
    """

    file: SharedFile
    n_slices: int
    size: int
    slot: int

    @classmethod
    def allocate(cls, n_slices: int, size: int, slot: int) -> Self:
        """Allocate memory, which is zero and takes no space until it is written."""
        n_bytes = n_slices * (size * size * _BYTES_PER_PIXEL + slot)
        return cls(SharedFile(n_bytes), n_slices, size, slot)

    @property
    def prepared_bytes(self) -> int:
        """Size of one prepared slice."""
        return self.size * self.size * _BYTES_PER_PIXEL

    def pixels_start(self, index: int) -> int:
        """The first byte of the decoded pixels of a slice."""
        return self.n_slices * self.prepared_bytes + index * self.slot

    def images(self) -> FloatArray:
        """The prepared slices (n, 1, size, size); their memory is freed with the last view."""
        n_bytes = self.n_slices * self.prepared_bytes
        with self.file.opened() as descriptor:
            mapped = mmap.mmap(descriptor, n_bytes, prot=mmap.PROT_READ)
        shape = (self.n_slices, 1, self.size, self.size)
        return np.frombuffer(mapped, np.float32).reshape(shape)


@dataclass(frozen=True, slots=True)
class PrepareTask:
    """A file to decode; its first slice is slice number `first` of the request."""

    decode: DecodeTask
    first: int

    @property
    def path(self) -> str:
        """The path of the file."""
        return self.decode.path

    @property
    def frames(self) -> tuple[int, ...]:
        """The frames to decode."""
        return self.decode.frames


@dataclass(frozen=True, slots=True)
class Stored:
    """A slice that was prepared and stored in shared memory."""

    box: CropBox
    flags: tuple[str, ...]
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """The result of a PrepareTask; `refusal` and `flags` as in `Decoded`."""

    slices: tuple[Stored | Refusal, ...]
    refusal: Refusal | None = None
    flags: tuple[str, ...] = ()


def prepare_files(
    tasks: Sequence[PrepareTask],
    decode: Callable[[Sequence[DecodeTask]], Sequence[Decoded]],
    memory: SliceMemory,
    spacing: Spacing,
    settings: PreparationSettings,
) -> list[PreparedFile]:
    """Decode files, and store their prepared and decoded slices in shared memory."""
    prepared: list[PreparedFile] = []
    for task in tasks:
        (decoded,) = decode((task.decode,))
        with memory.file.opened() as descriptor:
            slices = tuple(
                _store(found, descriptor, memory, index, spacing, settings)
                for index, found in enumerate(decoded.slices, task.first)
            )
        prepared.append(PreparedFile(slices, decoded.refusal, decoded.flags))
    return prepared


def _store(
    found: FloatArray | Refusal,
    descriptor: int,
    memory: SliceMemory,
    index: int,
    spacing: Spacing,
    settings: PreparationSettings,
) -> Stored | Refusal:
    if isinstance(found, Refusal):
        return found
    if memory.slot:
        if found.nbytes > memory.slot:
            return _CHANGED
        os.pwrite(descriptor, np.ascontiguousarray(found).data, memory.pixels_start(index))
    image = np.empty((memory.size, memory.size), np.float32)
    box = prepare_slice(found, spacing, settings, image)
    os.pwrite(descriptor, image.data, index * memory.prepared_bytes)
    return Stored(box, _slice_flags(found, box), (found.shape[0], found.shape[1]))


def _slice_flags(pixels: FloatArray, box: CropBox) -> tuple[str, ...]:
    found = {"crop_failed": box.failed, SKULL_STRIPPED: is_skull_stripped(pixels)}
    return tuple(flag for flag, is_set in found.items() if is_set)
