import struct
from dataclasses import replace

import cv2
import numpy as np
import pytest

from batchmri.outputs import drawing as canvas
from batchmri.outputs.captions import Caption, SeriesCaption
from batchmri.outputs.pictures import (
    _HEADER_HEIGHT,
    _HEIGHT,
    _LEFTS,
    _PANEL,
    _TILE,
    _WIDTH,
    heat_colors,
    heated,
    montage,
    overlay,
)

SERIES = SeriesCaption("glioma 0.93, p_tumor 0.98", "root/a/b", "AX T1", ("gap",), "0a1b2c3d")
CAPTION = Caption(SERIES, "", "glioma", 12, 24, "axial")


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


def draw(
    heat: np.ndarray,
    scale: float = 1.0,
    caption: Caption = CAPTION,
    spacing: tuple[float, float] | None = None,
) -> bytes:
    return overlay(anatomy(*heat.shape), heat, scale, spacing, caption)


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
    full, half, over = (difference(draw(spot(48, 48), s))[194, 194] for s in (1.0, 2.0, 0.5))
    assert 0 < half < full
    assert over >= full


def test_heat_covers_a_share_of_the_anatomy_that_grows_with_its_strength() -> None:
    plain = np.full((8, 8, 3), 200, np.uint8)
    strength = np.zeros((8, 8), np.float32)
    strength[2, 3:6] = 0.25, 0.0, 1.0
    blended = heated(plain, strength)
    share = np.float32(0.65) * strength[2, 3:6, None] ** np.float32(0.6)
    expected = plain[2, 3:6] * (1 - share) + heat_colors(strength)[2, 3:6] * share
    assert blended[2, 3:6].tolist() == np.rint(expected).tolist()
    blended[2, 3:6] = 200
    assert blended.tolist() == plain.tolist()


def test_anatomy_is_not_mirrored_or_turned() -> None:
    left, _ = panels(draw(np.zeros((96, 96), np.float32), caption=replace(CAPTION, plane="")))
    gray = left[..., 0]
    top_left, top_right, bottom_left = gray[20, 20], gray[20, -20], gray[-20, 20]
    assert top_left < top_right < bottom_left


def test_pixels_are_square_by_spacing() -> None:
    picture = (np.indices((40, 80)).sum(axis=0) % 2).astype(np.float32)
    png = overlay(picture, np.zeros_like(picture), 1.0, (4.0, 1.0), replace(CAPTION, plane=""))
    left, _ = panels(png)
    rows, columns = np.nonzero(left[: _PANEL - 40, :, 0] > 128)  # above the scale bar
    assert np.ptp(rows) + 1 == pytest.approx(_PANEL - 40, abs=4)
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
    return overlay(blank, blank, 1.0, None, replace(CAPTION, plane=plane))


def test_the_same_input_gives_the_same_bytes_without_metadata() -> None:
    png = draw(spot(30, 40))
    assert png == draw(spot(30, 40))
    chunks, at = set(), 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunks.add(png[at + 4 : at + 8])
        at += 12 + length
    assert chunks == {b"IHDR", b"IDAT", b"IEND"}


def test_source_description_flags_and_model_are_named_below_the_panels() -> None:
    plain = picture_of(draw(spot(9, 9)))
    for field, value in {
        "source": "root/other",
        "description": "",
        "flags": (),
        "model": "ffffffff",
    }.items():
        other = replace(CAPTION, series=replace(SERIES, **{field: value}))
        differing = np.abs(picture_of(draw(spot(9, 9), caption=other)) - plain).sum(axis=2) > 0
        assert (
            differing[_HEADER_HEIGHT + _PANEL :].any()
            and not differing[: _HEADER_HEIGHT + _PANEL].any()
        )


def test_a_long_source_is_shortened_in_the_middle() -> None:
    words = "root/" + "x" * 300 + "/last"
    short = canvas.shortened(words, 400, 14)
    assert canvas.text_width(short, 14) <= 400 < canvas.text_width(words, 14)
    assert short.startswith("root/") and short.endswith("/last") and "…" in short
    assert canvas.shortened("root/a", 400, 14) == "root/a"


def test_the_half_maximum_region_has_a_contour() -> None:
    heat = spot(48, 48)
    right = panels(draw(heat))[1]
    bright = right[100:284, 100:284].min(axis=2) == 255
    y, x = np.nonzero(bright)
    # exp(-r² / 40) is one half at r = 5.27 of 96 pixels, four times as large in the panel.
    radius = np.hypot(y + 100 - 4 * 48.5, x + 100 - 4 * 48.5)
    assert len(y) > 60
    assert np.abs(radius - 21).max() < 3
    faint = panels(draw(heat, scale=10.0))[1]
    assert not (faint[100:284, 100:284].min(axis=2) == 255).any()


@pytest.mark.parametrize(("spacing", "length_mm"), [(1.0, 20), (2.0, 50), (0.1, 2)])
def test_the_scale_bar_is_as_long_as_it_says(spacing: float, length_mm: int) -> None:
    blank = np.zeros((96, 96), np.float32)
    caption = replace(CAPTION, plane="")
    without = panels(overlay(blank, blank, 1.0, None, caption))[0]
    with_bar = panels(overlay(blank, blank, 1.0, (spacing, spacing), caption))[0]
    assert not without.any()
    bar = np.nonzero(with_bar[_PANEL - 13].max(axis=1) > 200)[0]
    assert len(bar) == pytest.approx(length_mm / spacing * _PANEL / 96, abs=2)


def test_without_heat_there_is_no_second_panel_and_no_color() -> None:
    png = overlay(anatomy(), None, 1.0, (1.0, 1.0), replace(CAPTION, heat_of=""))
    whole = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert np.ptp(whole, axis=2).max() == 0
    left, right = panels(png)
    assert left.mean() > 50 and right.max() == 0


def test_texts_do_not_overlap() -> None:
    """The longest title has its own line; the note is in the line below."""
    title = "indeterminate: no tumor seen, but contrast is not stated"
    caption = replace(CAPTION, series=replace(SERIES, title=title))
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


@pytest.mark.parametrize(("n", "columns"), [(1, 1), (3, 1), (6, 2), (12, 3), (24, 3)])
def test_a_montage_contains_every_overlay_in_a_grid(n: int, columns: int) -> None:
    tiles = [draw(spot(8 * i % 96, 40)) for i in range(n)]
    decoded = [picture_of(tile) for tile in tiles]
    lines = ["glioma 0.93, p_tumor 0.98", "root/a/b · AX T1", "model 0a1b2c3d; gap"]
    png = montage(tiles, lines)
    whole = picture_of(png)
    assert whole.shape[1] == columns * _WIDTH
    head = whole.shape[0] - -(-n // columns) * _TILE
    for i, tile in enumerate(decoded):
        y, x = head + i // columns * _TILE, i % columns * _WIDTH
        assert (whole[y : y + _TILE, x : x + _WIDTH] == tile[:_TILE]).all()
    assert whole[: head - 2].max() > 200
    assert png == montage(tiles, lines)


def test_a_montage_states_research_use_once() -> None:
    """The last line of a tile names it, and is not part of the montage."""
    tile = picture_of(draw(spot(9, 9)))
    assert tile.shape == (_HEIGHT, _WIDTH, 3)
    assert tile[_TILE:].max() > 100
    one = picture_of(montage([draw(spot(9, 9))], ["a", "b"]))
    assert one.shape[0] == 44 + 2 * 24 + _TILE
    assert one[44 + 24 : 44 + 2 * 24 - 2].max() > 100
