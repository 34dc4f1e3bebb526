"""Requests to and results from the decoding workers."""

from dataclasses import dataclass

from batchmri.reasons import Reason
from batchmri.records import Display, FloatArray, Format, Tile


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """A request to decode frames of one file.

    `frames` are numbers as in `Frame.number`, `slice_axis` indexes the stored NIfTI array, and
    `max_bytes` is the maximum memory of all requested frames. `tiles` contains, for each requested
    frame, the part of it that is the slice, or None for the whole frame; if `tiles` is empty, all
    slices are whole frames.

    `shared` is the address of a `SharedFile` for a NIfTI volume that several tasks decode; the
    first task fills it. `again` is set to decode a few slices of an already decoded file again.
    """

    format: Format
    path: str
    frames: tuple[int, ...]
    slice_axis: int
    display: Display
    max_bytes: int
    tiles: tuple[Tile | None, ...] = ()
    shared: str = ""
    again: bool = False

    @property
    def parts(self) -> tuple[tuple[int, Tile | None], ...]:
        """Frame number and tile of each requested slice."""
        return tuple(zip(self.frames, self.tiles or (None,) * len(self.frames), strict=True))


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason why a frame was not decoded to a slice."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The result of a DecodeTask.

    `slices` has one entry per requested frame, in that order: a float32 array (rows, columns) in
    display orientation, or a Refusal. If the file cannot be read at all, every entry is the same
    Refusal as `refusal`. `flags` apply to the file.
    """

    slices: tuple[FloatArray | Refusal, ...]
    refusal: Refusal | None = None
    flags: tuple[str, ...] = ()


class Refused(Exception):  # noqa: N818 - a result, not an error of the program
    """Raised to refuse a frame or a file; `decode` always catches it."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail)
        self.refusal = Refusal(reason, detail)
