import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest

from batchmri.outputs import drawing as canvas
from batchmri.outputs.pictures import _HEADER_HEIGHT, _LEFTS, _PANEL, Caption, montage, overlay

CAPTION = Caption("glioma  0.93", "", "glioma", 12, 24, "axial")


def anatomy(height: int = 96, width: int = 96) -> np.ndarray:
    """A gradient that increases to the right and, more steeply, to the bottom."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return (200 * x + 700 * y).astype(np.float32)


def spot(row: int, column: int, shape: tuple[int, int] = (96, 96)) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-((y - row) ** 2 + (x - column) ** 2) / 40).astype(np.float32)


def panels(png: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The slice and its overlay, (384, 384, 3) each."""
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(int)
    left, right = (
        picture[_HEADER_HEIGHT : _HEADER_HEIGHT + _PANEL, x : x + _PANEL] for x in _LEFTS
    )
    return left, right


def difference(png: bytes) -> np.ndarray:
    left, right = panels(png)
    return np.abs(left - right).sum(axis=2)


def draw(heat: np.ndarray, scale: float = 1.0, caption: Caption = CAPTION) -> bytes:
    return overlay(anatomy(*heat.shape), heat, scale, (1.0, 1.0), caption)


@pytest.mark.parametrize(("row", "column"), [(24, 24), (24, 72), (72, 24), (60, 80)])
def test_heat_is_drawn_at_its_position(row: int, column: int) -> None:
    changed = difference(draw(spot(row, column)))
    y, x = (np.average(axis, weights=changed**2) for axis in np.mgrid[:_PANEL, :_PANEL])
    assert abs(y - (row + 0.5) * 4) < 8
    assert abs(x - (column + 0.5) * 4) < 8


def test_zero_heat_leaves_the_anatomy_unchanged() -> None:
    assert difference(draw(np.zeros((96, 96), np.float32))).max() == 0
    assert difference(draw(np.zeros((96, 96), np.float32), scale=0.0)).max() == 0


def test_heat_is_drawn_by_its_share_of_the_scale() -> None:
    full, half, over = (difference(draw(spot(48, 48), s)).max() for s in (1.0, 2.0, 0.5))
    assert 0 < half < full
    assert over >= full


def test_anatomy_is_not_mirrored_or_turned() -> None:
    left, _ = panels(draw(np.zeros((96, 96), np.float32), caption=replace(CAPTION, plane="")))
    gray = left[..., 0]
    top_left, top_right, bottom_left = gray[20, 20], gray[20, -20], gray[-20, 20]
    assert top_left < top_right < bottom_left


def test_pixels_are_square_by_spacing() -> None:
    picture = (np.indices((40, 80)).sum(axis=0) % 2).astype(np.float32)
    png = overlay(picture, np.zeros_like(picture), 1.0, (4.0, 1.0), replace(CAPTION, plane=""))
    left, _ = panels(png)
    rows, columns = np.nonzero(left[..., 0] > 128)
    assert np.ptp(rows) + 1 == pytest.approx(_PANEL, abs=4)
    assert np.ptp(columns) + 1 == pytest.approx(_PANEL / 2, abs=4)


@pytest.mark.parametrize(
    ("plane", "letters"),
    [("axial", "RLAP"), ("coronal", "RLSI"), ("sagittal", "APSI"), ("oblique", ""), ("", "")],
)
def test_letters_at_the_left_right_top_and_bottom(plane: str, letters: str) -> None:
    blank = np.zeros((96, 96), np.float32)
    expected = canvas.black(_PANEL, _PANEL)
    places = [(12, 192), (372, 192), (192, 12), (192, 372)]
    for letter, place in zip(letters, places, strict=False):
        canvas.outlined(expected, letter, place, 16)
    assert bool(letters) == bool(expected.any())
    for panel in panels(draw_blank(blank, plane)):
        assert (panel == expected).all()


def draw_blank(blank: np.ndarray, plane: str) -> bytes:
    return overlay(blank, blank, 1.0, (1.0, 1.0), replace(CAPTION, plane=plane))


def test_the_same_input_gives_the_same_bytes_without_metadata() -> None:
    png = draw(spot(30, 40))
    assert png == draw(spot(30, 40))
    chunks, at = set(), 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunks.add(png[at + 4 : at + 8])
        at += 12 + length
    assert chunks == {b"IHDR", b"IDAT", b"IEND"}


def test_a_caption_has_no_field_for_header_text() -> None:
    fields = set(Caption.__dataclass_fields__)
    assert fields == {
        "title", "note", "heat_of", "slice_number", "n_slices", "plane", "deciding",
    }  # fmt: skip


def test_without_heat_there_is_no_second_panel_and_no_color() -> None:
    caption = replace(CAPTION, title="no verdict: looks unlike the training images", heat_of="")
    png = overlay(anatomy(), None, 1.0, (1.0, 1.0), caption)
    whole = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert np.ptp(whole, axis=2).max() == 0
    left, right = panels(png)
    assert left.mean() > 50 and right.max() == 0


def test_texts_do_not_overlap() -> None:
    """The longest title has its own line; the note is in the line below."""
    title = "indeterminate: no tumor seen, but contrast is not stated"
    caption = replace(CAPTION, title=title, note="")
    noted = replace(caption, note="p_tumor 0.76 in this slice")
    differing = (
        np.abs(
            picture_of(draw(spot(9, 9), caption=caption))
            - picture_of(draw(spot(9, 9), caption=noted))
        ).sum(axis=2)
        > 0
    )
    assert differing[36:_HEADER_HEIGHT].any() and not differing[:36].any()
    width = picture_of(draw(spot(9, 9))).shape[1]
    assert canvas.text_width(title, 23, canvas.BOLD) < width - 24


def test_a_deciding_slice_is_marked_by_a_frame_and_by_words() -> None:
    plain = picture_of(draw(spot(30, 40)))
    marked = picture_of(draw(spot(30, 40), caption=replace(CAPTION, deciding=True)))
    differing = np.abs(plain - marked).sum(axis=2) > 0
    frame = np.zeros_like(differing)
    for left in _LEFTS:
        frame[_HEADER_HEIGHT - 3 : _HEADER_HEIGHT + _PANEL + 3, left - 3 : left + _PANEL + 3] = True
    for left in _LEFTS:
        frame[_HEADER_HEIGHT : _HEADER_HEIGHT + _PANEL, left : left + _PANEL] = False
    assert (marked[frame] > 200).all() and not plain[frame].any()
    inside = differing[_HEADER_HEIGHT : _HEADER_HEIGHT + _PANEL]
    assert not (inside & ~frame[_HEADER_HEIGHT : _HEADER_HEIGHT + _PANEL]).any()
    assert differing[40:58].sum() > 100  # words, for who does not know the frame


def picture_of(png: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(int)


@pytest.mark.parametrize("shape", [(1, 1), (2, 600), (700, 3), (512, 512)])
def test_any_shape_can_be_drawn(shape: tuple[int, int]) -> None:
    picture = np.zeros(shape, np.float32)
    assert overlay(picture, picture, 1.0, (1.0, 1.0), CAPTION).startswith(b"\x89PNG")


def test_an_outlier_pixel_does_not_darken_the_image() -> None:
    picture = anatomy()
    picture[0, 0] = 1e9
    left, _ = panels(overlay(picture, np.zeros_like(picture), 1.0, (1.0, 1.0), CAPTION))
    assert left.mean() > 80


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (3, 1), (6, 2), (12, 3)])
def test_a_montage_contains_every_overlay(n: int, columns: int) -> None:
    tiles = [draw(spot(8 * i % 96, 40)) for i in range(n)]
    decoded = [cv2.imdecode(np.frombuffer(t, np.uint8), cv2.IMREAD_COLOR) for t in tiles]
    height, width = decoded[0].shape[:2]
    png = montage(tiles, ["glioma 0.93", "of 24 slices"])
    whole = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert whole.shape[1] == columns * width
    head = whole.shape[0] - -(-n // columns) * height
    for i, tile in enumerate(decoded):
        y, x = head + i // columns * height, i % columns * width
        assert (whole[y : y + height, x : x + width] == tile).all()
    assert whole[: head - 2].max() > 200
    assert png == montage(tiles, ["glioma 0.93", "of 24 slices"])
