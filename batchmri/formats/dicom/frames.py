"""Frames of a DICOM object: geometry, echo, time point and component of each image."""

from dataclasses import replace

from batchmri.formats.dicom.dataset import Tags
from batchmri.formats.dicom.header_fields import FRAME_GROUPS, SHARED_GROUPS, b_value_of
from batchmri.formats.dicom.mosaic import is_tiled, states_tiles, tiles_of
from batchmri.geometry import unit_pair, vector
from batchmri.records import Frame
from batchmri.terms.coded_values import COMPONENTS

_PLANE_POSITION, _PLANE_ORIENTATION, _PIXEL_MEASURES = 0x00209113, 0x00209116, 0x00289110
_FRAME_CONTENT, _MR_ECHO, _MR_DIFFUSION, _MR_FRAME_TYPE = (
    0x00209111,
    0x00189114,
    0x00189117,
    0x00189226,
)
_FRAME_TIME, _FRAME_TIMES = 0x00181063, 0x00181065


def frames_of(tags: Tags, rows: int, columns: int, count: int) -> tuple[Frame, ...]:
    """Return one Frame per image: `count` stored frames, or the tiles of a mosaic.

    Enhanced objects state values per frame or for all frames (PS3.3 C.7.6.16), classic objects once
    for all.
    """
    groups = tags.items(FRAME_GROUPS)
    if groups or SHARED_GROUPS in tags:
        shared = tags.item(SHARED_GROUPS)
        frames = tuple(
            _enhanced(number, tags, groups[number - 1] if number <= len(groups) else None, shared)
            for number in range(1, count + 1)
        )
        if count == 1 and states_tiles(tags):
            own = groups[0] if groups and _PIXEL_MEASURES in groups[0] else shared
            return tiles_of(tags, own.item(_PIXEL_MEASURES), frames[0], rows, columns)
        return frames
    frame = _classic(tags)
    if count == 1:
        tiled = is_tiled(tags, rows, columns)
        return tiles_of(tags, tags, frame, rows, columns) if tiled else (frame,)
    if is_cine(tags):
        return (frame,)
    return tuple(replace(frame, number=number) for number in range(1, count + 1))


def is_cine(tags: Tags) -> bool:
    """Return whether the frames of a classic object are a time series; only the first is used."""
    return _FRAME_TIME in tags or _FRAME_TIMES in tags


def _classic(tags: Tags) -> Frame:
    return Frame(
        position=vector(tags.numbers(0x00200032)),
        orientation=unit_pair(tags.numbers(0x00200037)),
        pixel_spacing=_spacing(tags.numbers(0x00280030)),
        echo=_echo(tags.number(0x00180081), tags.integer(0x00180086)),
        time_point=_time_point(b_value_of(tags, tags), tags.integer(0x00200100)),
        component=_component(tags.words(0x00080008)[2:]),
        slice_location=tags.number(0x00201041),
    )


def _enhanced(number: int, top: Tags, own: Tags | None, shared: Tags) -> Frame:
    def group(sequence: int) -> Tags:
        return own.item(sequence) if own is not None and sequence in own else shared.item(sequence)

    diffusion = group(_MR_DIFFUSION)
    frame_type = group(_MR_FRAME_TYPE)
    return Frame(
        number=number,
        position=vector(group(_PLANE_POSITION).numbers(0x00200032)),
        orientation=unit_pair(group(_PLANE_ORIENTATION).numbers(0x00200037)),
        pixel_spacing=_spacing(group(_PIXEL_MEASURES).numbers(0x00280030)),
        echo=_echo(group(_MR_ECHO).number(0x00189082), None),
        time_point=_time_point(
            diffusion.number(0x00189087), group(_FRAME_CONTENT).integer(0x00209128)
        ),
        component=_component((*frame_type.words(0x00089007)[2:], frame_type.word(0x00089208)))
        or _component(top.words(0x00080008)[2:]),
        slice_location=group(_FRAME_CONTENT).number(0x00209057),
    )


def _spacing(values: tuple[float, ...]) -> tuple[float, float] | None:
    if not values or min(values) <= 0 or len(values) > 2:
        return None
    return values[0], values[-1]


def _echo(time: float | None, number: int | None) -> str:
    # Rounded to 0.1 ms: within one echo, the echo time varies by less.
    if time:
        return f"{time:.1f}"
    return f"echo {number}" if number else ""


def _time_point(b_value: float | None, position: int | None) -> str:
    # Zero-padded, so that the sort order of the text is chronological.
    b = f"b{b_value:05.0f}" if b_value is not None and b_value >= 0 else ""
    t = f"t{position:06d}" if position is not None and position >= 0 else ""
    return " ".join(filter(None, (b, t)))


def _component(words: tuple[str, ...]) -> str:
    return next((COMPONENTS[word] for word in words if word in COMPONENTS), "")
