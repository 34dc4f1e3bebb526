"""Heat maps of the classes from their class maps (Grad-CAM, Selvaraju et al., 2017)."""

import numpy as np

from batchmri.records import FloatArray


def gradcam(maps: FloatArray, bias: FloatArray) -> FloatArray:
    """Grad-CAM (classes, h, w) of every class, up to a positive factor each.

    At the last activation it is ReLU(M[c] - b[c]) of the class maps (classes, h, w) and biases.
    """
    heat: FloatArray = np.maximum(maps - bias[:, None, None], 0.0)
    return heat
