import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from batchmri.preparation.resize import resize


@pytest.mark.parametrize("shape", [(40, 60), (41, 61), (20, 30), (160, 9), (7, 240), (1, 1)])
def test_resize_equals_torch(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).uniform(-1, 1, (40, 60)).astype(np.float32)
    resized = resize(image, shape)
    batch = torch.from_numpy(image)[None, None]
    expected = interpolate(batch, shape, mode="bilinear", antialias=True)[0, 0].numpy()
    assert resized.shape == shape and resized.dtype == np.float32
    assert np.abs(resized - expected).max() <= 5e-7


def test_shrinking_averages_all_pixels() -> None:
    checkerboard = (np.indices((64, 64)).sum(0) % 2).astype(np.float32)
    assert np.abs(resize(checkerboard, (16, 16)) - 0.5).max() < 0.02


def test_preparation_does_not_import_torch() -> None:
    code = (
        "import sys, batchmri.preparation.transforms; "
        "print({'torch', 'monai', 'openvino', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()", done
