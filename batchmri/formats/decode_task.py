"""What goes to a decoding worker and what comes back."""

from dataclasses import dataclass

from batchmri.reasons import Reason
from batchmri.records import Display, FloatArray, Format, Tile


@dataclass(frozen=True, slots=True)
class DecodeTask:
    """Which frames of one file to decode.

    `frames` are numbers as in `Frame.number`, `slice_axis` indexes the stored NIfTI array, and
    `max_bytes` is the most that the frames asked may take in memory. `tiles` holds for each frame
    asked the part of it that is the slice, or None for the whole; empty: all are whole.

    `shared` is the path of a file in shared memory for a NIfTI volume that is decoded by several
    tasks: the first one fills it. `again` is set for a few slices of a file that was decoded
    before.
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
        """Frame number and tile of each slice asked."""
        return tuple(zip(self.frames, self.tiles or (None,) * len(self.frames), strict=True))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a frame gave no slice."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One entry per frame asked, in that order: float32 (rows, columns) as displayed, or why not.

    A file that cannot be read at all repeats its refusal for each frame, and has it in `refusal`.
    `flags` are those of the file.
    """

    slices: tuple[FloatArray | Refusal, ...]
    refusal: Refusal | None = None
    flags: tuple[str, ...] = ()


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault of ours
    """Ends the reading of a frame or a file; never leaves `decode`."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(detail)
        self.refusal = Refusal(reason, detail)
