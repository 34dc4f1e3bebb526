"""Out-of-distribution detection by the texture of the training images.

Only the texture part of the features is used, since the pooled last activation lacks whatever the
classification does not need (measurements: docs/validation.md). The distance of a slice combines
the Mahalanobis distance in the span of the leading principal components (Lee et al., A simple
unified framework for detecting out-of-distribution samples, 2018) and the residual outside that
span (Wang et al., ViM, 2022), each normalized by its mean over the training images. Linear probes
on the same features distinguish T1 from other sequences, and T1 with contrast from T1 without.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from batchmri.records import DomainScores, FloatArray

POOLED = 1280
"""Number of leading features that are the pooled last activation; the rest describe texture."""
PREFIX = "field."
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DomainModel:
    """Distribution of the texture features (k) of the training images.

    `mean` and `scale` (k) standardize the features. `axes` (d, k) are their principal components,
    `spread` (d) the standard deviations along them, and `rest` (1) the mean square of the residual.
    `limit` (1) is the distance that 5% of the validation images exceed. `probes` (2, k + 1) are the
    weights and bias of the probes for T1 and for contrast.
    """

    mean: FloatArray
    scale: FloatArray
    axes: FloatArray
    spread: FloatArray
    rest: FloatArray
    limit: FloatArray
    probes: FloatArray

    def scores(self, features: FloatArray) -> list[DomainScores]:
        """Return the scores of slices with these features (N, k)."""
        scaled = self._standardize(features)
        distances = self._distances(scaled) / self.limit[0]
        rows = np.column_stack((distances, self._probe_probabilities(scaled)))
        return [DomainScores(*row) for row in rows.tolist()]

    def distances(self, features: FloatArray) -> Floats:
        """Return the distances (N,) of features (N, k) from those of the training images."""
        return self._distances(self._standardize(features))

    def tensors(self) -> dict[str, FloatArray]:
        """Return the arrays under the names by which they are stored with the weights."""
        return {PREFIX + f.name: np.ascontiguousarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, FloatArray]) -> "DomainModel | None":
        """Restore from stored tensors. Returns None if they contain no domain model."""
        if PREFIX + "limit" not in tensors:
            return None
        found = {f.name: tensors[PREFIX + f.name].astype(np.float32) for f in fields(cls)}
        return cls(**found)

    def _standardize(self, features: FloatArray) -> Floats:
        texture = features[:, POOLED:].astype(np.float64)
        scaled: Floats = (texture - self.mean) / self.scale
        return scaled

    def _distances(self, scaled: Floats) -> Floats:
        projected = _products(scaled, self.axes.T.astype(np.float64))
        residual = (scaled**2).sum(1) - (projected**2).sum(1)
        distances: Floats = np.sqrt(
            ((projected / self.spread) ** 2).mean(1) + np.maximum(residual, 0) / self.rest[0]
        )
        return distances

    def _probe_probabilities(self, scaled: Floats) -> Floats:
        logits = _products(scaled, self.probes[:, :-1].T) + self.probes[:, -1]
        probabilities: Floats = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
        return probabilities


def _products(rows: Floats, matrix: npt.NDArray[np.floating]) -> Floats:
    """`rows @ matrix`, where the last digits of a row do not depend on the other rows."""
    products: Floats = (rows[:, None] @ matrix)[:, 0]
    return products
