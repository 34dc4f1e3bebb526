"""Training and scanning prepare the same slice to the same tensor."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchmri.pipeline.engines.batcher import Batcher
from batchmri.pipeline.scan import scan
from batchmri.preparation.transforms import PreparationSettings, prepare
from batchmri.settings import Settings
from batchmri.training.dataset import prepare_table
from batchmri.training.images import read_image
from batchmri.training.table import Row
from tests.pipeline.conftest import random_model as random_model  # a fixture
from tests.pipeline.outputs import table

PREPARATION = PreparationSettings(size=64)


def test_scanning_and_training_prepare_equal_tensors(
    shared_data: Path, tmp_path: Path, random_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensors of scanning equal those of `prepare` exactly, as called by training.

    Training stores them in 8 bits, so its network input differs by up to one of 255 levels.
    """
    volume = tmp_path / "archive" / "head.nii.gz"
    volume.parent.mkdir()
    shutil.copy(shared_data / "volumes/tumor/gbm-01/Post_Scan_T1.nii.gz", volume)
    scanned: list[np.ndarray] = []

    def recording(batcher: Batcher[Any], image: np.ndarray, tag: Any) -> Iterator[Any]:
        scanned.append(image.copy())
        return put(batcher, image, tag)

    put = Batcher.put
    monkeypatch.setattr(Batcher, "put", recording)
    settings = Settings.model_validate(
        {"classifier": {"model": random_model, "device": "cpu"}, "pixels": {"workers": 1}}
    )
    assert scan([volume.parent], out=tmp_path / "out", settings=settings).exit_code == 0
    slices = np.stack(scanned)
    # This volume is padded with blank slices, which are not classified.
    indices = [int(row["slice_index"]) for row in table(tmp_path / "out", "slices")]
    assert len(slices) == len(indices) == 20

    rows = [Row(volume, "any", "train", slice=index, plane="axial") for index in indices]
    for row, own in zip(rows, slices, strict=True):
        image, spacing = read_image(row)
        assert np.array_equal(prepare(image[None], spacing, PREPARATION).pixels[0], own), row.slice
    kept = prepare_table(rows, tmp_path / "run", PREPARATION).batch(range(len(rows)), PREPARATION)
    level = (PREPARATION.white - PREPARATION.black) / 255
    assert np.abs(kept.numpy() - slices).max() <= 0.51 * level
    assert slices.std() > 0.1  # the comparison is not between blank images
