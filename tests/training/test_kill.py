import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from batchmri.model.checkpoint import load_checkpoint
from batchmri.training.settings import TrainSettings
from batchmri.training.train import train

SETTINGS = {
    "init": "random",
    "epochs": 4,
    "samples_per_epoch": 8,
    "batch_size": 4,
    "ema_decay": 0.5,
    "learning_rate": 0.01,
    "threads": 1,
    "loaders": 0,
    "preparation": {"size": 32},
}


@pytest.mark.slow
def test_killed_training_resumes_to_the_same_weights(heads: Path, tmp_path: Path) -> None:
    config, cut, whole = tmp_path / "train.yaml", tmp_path / "cut", tmp_path / "whole"
    config.write_text(yaml.safe_dump(SETTINGS))
    command = ["-m", "batchmri", "train", heads, "--out", cut, "--config", config]
    process = subprocess.Popen(
        [sys.executable, *map(str, command)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        while not (cut / "last.pt").exists():
            assert process.poll() is None, "ended before its first epoch"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not (cut / "model.safetensors").exists()

    settings = TrainSettings.model_validate(SETTINGS)
    assert train(heads, cut, settings, resume=True) == train(heads, whole, settings)
    resumed, uninterrupted = (
        load_checkpoint(run / "model.safetensors")[0].state_dict() for run in (cut, whole)
    )
    assert all(torch.equal(resumed[name], tensor) for name, tensor in uninterrupted.items())
    assert (cut / "metrics.csv").read_bytes() == (whole / "metrics.csv").read_bytes()
