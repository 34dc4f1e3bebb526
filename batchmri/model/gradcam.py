"""Grad-CAM heat maps from class maps (Selvaraju et al., 2017)."""

from collections.abc import Sequence

import numpy as np

from batchmri.records import FloatArray


def gradcam(maps: FloatArray, bias: FloatArray) -> FloatArray:
    """Return the Grad-CAM heat maps (classes, h, w), each up to a positive factor.

    At the last activation, Grad-CAM of class c is ReLU(M[c] - b[c]), where M are the class maps
    (classes, h, w) and b the biases (classes,).
    """
    heat: FloatArray = np.maximum(maps - bias[:, None, None], 0.0)
    return heat


def tumor_gradcam(
    maps: FloatArray, bias: FloatArray, probabilities: Sequence[float], no_tumor: int
) -> FloatArray:
    """Return the Grad-CAM heat map (h, w) of any tumor, up to a positive factor.

    The logit of any tumor is the logarithm of the summed exponentials of the tumor logits. Its
    gradient with respect to each tumor logit is the share of that class in p_tumor, so the heat map
    is ReLU of the tumor class maps, each minus its bias, averaged by these shares. `probabilities`
    are those of the slice, `no_tumor` is the index of the class without tumor.
    """
    shares = np.array(probabilities)
    shares[no_tumor] = 0.0
    shares /= max(float(shares.sum()), 1e-12)
    heat = np.tensordot(shares, maps - bias[:, None, None], axes=1)
    return np.maximum(heat, 0.0).astype(np.float32)
