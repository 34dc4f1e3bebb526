"""Training and scanning give the network the same tensor of the same slice."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from batchmri.pipeline import classify as run
from batchmri.pipeline.scan import scan
from batchmri.preparation.transforms import PreparationSettings, Prepared, prepare
from batchmri.settings import Settings
from batchmri.training.dataset import prepare_table
from batchmri.training.images import read_picture
from batchmri.training.table import Row
from tests.pipeline.conftest import random_model as random_model  # a fixture
from tests.pipeline.outputs import table

PREPARATION = PreparationSettings(size=64)


def test_real_slices_scanned_and_trained_on_are_the_same_tensor_and_its_8_bit_copy_within_a_level(
    shared_data: Path, tmp_path: Path, random_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scanning's is compared exactly with the preparation that training calls; training keeps
    it in 8 bits, so what the network sees in training differs by up to one of 255 levels.
    """
    volume = tmp_path / "archive" / "head.nii.gz"
    volume.parent.mkdir()
    shutil.copy(shared_data / "volumes/tumor/gbm-01/Post_Scan_T1.nii.gz", volume)
    scanned: list[torch.Tensor] = []

    def recording(stack: np.ndarray, *rest: object) -> Prepared:
        prepared = prepare(stack, *rest)  # type: ignore[arg-type]
        scanned.append(prepared.pixels.clone())
        return prepared

    monkeypatch.setattr(run, "prepare", recording)
    settings = Settings.model_validate(
        {"classifier": {"model": random_model, "device": "cpu"}, "pixels": {"workers": 1}}
    )
    assert scan([volume.parent], out=tmp_path / "out", settings=settings).exit_code == 0
    slices = torch.cat(scanned)
    # Blank slices, with which this volume was padded, are not classified.
    indices = [int(row["slice_index"]) for row in table(tmp_path / "out", "slices")]
    assert len(slices) == len(indices) == 20

    rows = [Row(volume, "any", "train", slice=index, plane="axial") for index in indices]
    for row, own in zip(rows, slices, strict=True):
        picture, spacing = read_picture(row)
        assert torch.equal(prepare(picture[None], spacing, PREPARATION).pixels[0], own), row.slice
    kept = prepare_table(rows, tmp_path / "run", PREPARATION).batch(range(len(rows)), PREPARATION)
    level = (PREPARATION.white - PREPARATION.black) / 255
    assert (kept - slices).abs().max() <= 0.51 * level
    assert slices.std() > 0.1  # no blank pictures compared with blank pictures
