"""Segmentations are told from pictures."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from batchmri.pixels.labels import is_label_map
from batchmri.reasons import Reason


def blocks(n_labels: int) -> np.ndarray:
    """Cubes of 5 voxels, each of its own label."""
    small = np.arange(n_labels).reshape(5, -1, 4)
    return small.repeat(5, 0).repeat(5, 1).repeat(5, 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_masks_and_atlases(dtype: type) -> None:
    mask = np.zeros((30, 30, 30), dtype)
    mask[10:14, 10:14, 20:22] = 1
    assert is_label_map(mask)
    assert is_label_map(blocks(200).astype(dtype))


def test_pictures() -> None:
    noise = np.random.default_rng(0)
    assert not is_label_map(noise.integers(0, 200, (30, 30, 30)).astype(np.uint8))
    assert not is_label_map(noise.random((30, 30, 30)))
    assert not is_label_map(np.zeros((10, 10, 10)))
    smooth = np.linspace(0, 120, 40)[:, None, None] + np.linspace(0, 50, 30)[:, None]
    assert not is_label_map(np.broadcast_to(smooth, (40, 30, 20)).astype(np.uint8))


def test_a_label_map_is_refused_whole(tmp_path, decoded) -> None:
    path = tmp_path / "seg.nii.gz"
    nibabel.save(nibabel.Nifti1Image(blocks(200).astype(np.int16), np.eye(4)), path)
    assert {r.reason for r in decoded(path, 1, 2, 3).slices} == {Reason.LABEL_MAP}


def test_real_heads_and_masks(shared_data: Path) -> None:
    def values(path: Path) -> np.ndarray:
        return np.asanyarray(nibabel.load(path).dataobj.get_unscaled())

    heads = sorted((shared_data / "sources/heads/volumes").glob("*.nii.gz"))
    assert heads and not any(is_label_map(values(path)) for path in heads)
    masks = sorted((shared_data / "volumes/tumor").glob("*/*_Mask.nii.gz"))
    assert masks and all(is_label_map(values(path)) for path in masks)
    atlas = shared_data / "volumes/formats/nifti-labels/Talairach_labels_1mm.nii.gz"
    assert is_label_map(values(atlas))
