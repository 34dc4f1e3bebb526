from pathlib import Path

import cv2
import numpy as np
import pytest

from batchmri.audit.duplicates import ORIENTATIONS, Link, exact_links, inverse, near_links, oriented

from .make import Bytes, head, read_audited, write


def small(pixels: Bytes) -> Bytes:
    return np.asarray(cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA), np.uint8)


def links(*images: Bytes) -> list[Link]:
    return [link for _, found in near_links(np.stack([small(p) for p in images])) for link in found]


@pytest.mark.parametrize("orientation", range(8))
def test_rotated_and_recompressed_images_are_found(orientation: int) -> None:
    turned = np.ascontiguousarray(oriented(head(1), orientation))
    encoded = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    again = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    (link,) = links(head(1), again)
    assert (link.first, link.second) == (0, 1)
    assert link.correlation > 0.99
    assert link.orientation == inverse(orientation)


def test_names_of_rotations_by_90_degrees() -> None:
    pixels = np.arange(9).reshape(3, 3)
    names = {name: oriented(pixels, o) for o, name in enumerate(ORIENTATIONS)}
    assert np.array_equal(names["turned 90 right"], np.rot90(pixels, -1))
    assert np.array_equal(names["turned 90 left"], np.rot90(pixels))
    assert np.array_equal(names["turned 180"], np.rot90(pixels, 2))
    assert np.array_equal(names["mirrored"], np.fliplr(pixels))
    assert np.array_equal(names["upside down"], np.flipud(pixels))
    for orientation in range(8):
        back = oriented(oriented(pixels, orientation), inverse(orientation))
        assert np.array_equal(back, pixels)


def test_images_of_other_size_and_brightness_are_found() -> None:
    larger = cv2.resize(head(2), (333, 333), interpolation=cv2.INTER_CUBIC)
    assert len(links(head(2), (larger * 0.7 + 10).astype(np.uint8))) == 1


def test_other_heads_and_adjacent_slices_are_not_duplicates() -> None:
    adjacent = (0.55 * head(3) + 0.45 * head(4)).astype(np.uint8)  # similar, but another image
    assert np.corrcoef(small(head(3)).ravel(), small(adjacent).ravel())[0, 1] > 0.9
    assert links(head(3), adjacent, *(head(seed) for seed in range(5, 25))) == []


def test_shifted_copies_are_not_duplicates() -> None:
    assert links(head(3), np.roll(head(3), 9, axis=1)) == []


def test_pairs_are_found_across_blocks() -> None:
    images = [head(seed) for seed in range(300)]
    found = links(*images, head(7), np.ascontiguousarray(head(280)[::-1]))
    assert sorted((link.first, link.second) for link in found) == [(7, 300), (280, 301)]


def test_no_images() -> None:
    assert list(near_links(np.empty((0, 64, 64), np.uint8))) == []


def test_equal_pixels_are_linked_to_the_first(tmp_path: Path) -> None:
    images = [
        read_audited(write(tmp_path / "a" / f"{number}.png", head(seed)))
        for number, seed in enumerate((1, 2, 1, 1))
    ]
    assert [(link.first, link.second) for link in exact_links(images)] == [(0, 2), (0, 3)]
