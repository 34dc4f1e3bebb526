"""Segmentations are distinguished from images."""

import tracemalloc
from pathlib import Path

import nibabel
import numpy as np
import pytest

from batchmri.formats import label_map as labels
from batchmri.formats.label_map import is_label_map
from batchmri.reasons import Reason


def blocks(n_labels: int) -> np.ndarray:
    """Cubes of 5 voxels, each with a different label."""
    small = np.arange(n_labels).reshape(5, -1, 4)
    return small.repeat(5, 0).repeat(5, 1).repeat(5, 2)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float64])
def test_masks_and_atlases(dtype: type) -> None:
    mask = np.zeros((30, 30, 30), dtype)
    mask[10:14, 10:14, 20:22] = 1
    assert is_label_map(mask)
    assert is_label_map(blocks(200).astype(dtype))


@pytest.mark.parametrize("dtype", [np.uint8, np.dtype(">i2"), np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_volume_of_several_chunks(dtype: np.dtype, order: str, monkeypatch) -> None:
    monkeypatch.setattr(labels, "_CHUNK", 1000)
    monkeypatch.setattr(labels, "_SAMPLE", 50)  # the sample misses small structures
    mask = np.zeros((30, 30, 30), dtype, order)
    mask[10:14, 10:14, 28] = 1
    assert is_label_map(mask)
    assert is_label_map(np.asarray(blocks(200).astype(dtype), order=order))
    mask[3:20, 3:20, 29] = np.arange(289).reshape(17, 17) % 120
    assert not is_label_map(mask)
    if mask.dtype.kind == "f":
        mask[...] = 0
        mask[0, 0, 29] = 0.5
        assert not is_label_map(mask)


def test_no_copy_of_the_volume_is_made(monkeypatch) -> None:
    """Regression: the check took several times the memory and time of decoding."""
    volume = np.asfortranarray(np.random.default_rng(0).integers(0, 99, (64, 64, 64), np.int16))
    tracemalloc.start()
    monkeypatch.setattr(labels, "_CHUNK", 64 * 64)
    monkeypatch.setattr(labels, "_SAMPLE", 1000)
    assert not is_label_map(volume)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < volume.nbytes / 4


def test_images_are_not_label_maps() -> None:
    noise = np.random.default_rng(0)
    assert not is_label_map(noise.integers(0, 200, (30, 30, 30)).astype(np.uint8))
    assert not is_label_map(noise.random((30, 30, 30)))
    assert not is_label_map(np.zeros((10, 10, 10)))
    smooth = np.linspace(0, 120, 40)[:, None, None] + np.linspace(0, 50, 30)[:, None]
    assert not is_label_map(np.broadcast_to(smooth, (40, 30, 20)).astype(np.uint8))


def test_a_label_map_is_refused_entirely(tmp_path, decoded) -> None:
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
