"""Calibrated probabilities from class maps (temperature scaling, Guo et al., 2017)."""

import numpy as np
import numpy.typing as npt

from batchmri.records import FloatArray


def probabilities(maps: FloatArray, temperature: float) -> npt.NDArray[np.float64]:
    """Return the class probabilities (N, classes) of class maps (N, classes, h, w).

    They are the softmax of the spatial means of the maps divided by the temperature.
    """
    logits = maps.astype(np.float64).mean(axis=(2, 3)) / temperature
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    rows: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return rows
