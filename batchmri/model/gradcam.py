"""Grad-CAM heat maps from class maps (Selvaraju et al., 2017)."""

import numpy as np

from batchmri.records import FloatArray


def gradcam(maps: FloatArray, bias: FloatArray) -> FloatArray:
    """Return the Grad-CAM heat maps (classes, h, w), each up to a positive factor.

    At the last activation, Grad-CAM of class c is ReLU(M[c] - b[c]), where M are the class maps
    (classes, h, w) and b the biases (classes,).
    """
    heat: FloatArray = np.maximum(maps - bias[:, None, None], 0.0)
    return heat
