"""Resizing of slices with a triangle filter (bilinear with antialiasing), in NumPy.

The weights and the order of the steps are those of `torch.nn.functional.interpolate` with
`mode="bilinear", antialias=True`; results agree to 1e-6 of the gray range. torch itself takes
seconds to import, and hundreds of megabytes in every decoding process.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from batchmri.records import FloatArray


def resize(image: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Resize an image (rows, columns) to `shape`; if it shrinks, its pixels are averaged."""
    rows, columns = shape
    across = _resize_rows(np.ascontiguousarray(image.T), columns)
    return _resize_rows(np.ascontiguousarray(across.T), rows)


def _resize_rows(image: FloatArray, n_rows: int) -> FloatArray:
    taps, weights = _filter(len(image), n_rows)
    resized: FloatArray = image[taps[0]] * weights[0]
    for rows, weight in zip(taps[1:], weights[1:], strict=True):
        resized += image[rows] * weight
    return resized


@lru_cache(maxsize=512)
def _filter(n_input: int, n_output: int) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """The input rows (taps, n_output) and weights (taps, n_output, 1) of each output row.

    Output row i is the sum of the taps: Σ weights[k, i] · input[rows[k, i]].
    """
    # In single precision, as in torch: in double precision, results would differ by 1e-4.
    half = np.float32(0.5)
    scale = np.float32(n_input) / np.float32(n_output)
    support = max(scale, np.float32(1))  # half width of the triangle, in input rows
    center = scale * (np.arange(n_output, dtype=np.float32) + half)
    first = np.maximum((center - support + half).astype(np.intp), 0)
    last = np.minimum((center + support + half).astype(np.intp), n_input)
    rows = first + np.arange((last - first).max())[:, None]
    distance = np.abs(rows.astype(np.float32) - center + half) * (1 / support)
    triangle = np.maximum(1 - distance, 0) * (rows < last)
    weights = (triangle / triangle.sum(axis=0)).astype(np.float32)
    return np.minimum(rows, n_input - 1), weights[:, :, None]
