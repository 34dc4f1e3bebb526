"""From class maps to calibrated probabilities (temperature scaling, Guo et al., 2017)."""

import numpy as np
import numpy.typing as npt

from batchmri.records import FloatArray


def probabilities(maps: FloatArray, temperature: float) -> npt.NDArray[np.float64]:
    """Rows that sum to 1, from maps (N, classes, h, w): softmax of their means / temperature."""
    logits = maps.astype(np.float64).mean(axis=(2, 3)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    rows: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return rows
