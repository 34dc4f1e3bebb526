"""The field of a model: what the texture of its training pictures looks like.

It is told by the texture part of the features: the pooled last activation has given up what the
classes do not need (measured: docs/validation.md). The distance of a slice is a Gaussian's in the
span of the leading principal components (Mahalanobis: Lee et al., A simple unified framework for
detecting out-of-distribution samples, 2018), plus what that span leaves over (residual: Wang et
al., ViM, 2022), each by its mean over the training pictures. Linear probes on the same features
tell T1 from other sequences, and T1 after contrast from T1 without.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from batchmri.records import DomainScores, FloatArray

POOLED = 1280
"""How many of the features are the pooled last activation; the texture follows."""
PREFIX = "field."
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DomainModel:
    """Of the texture (k): `mean`, `scale` (k), and the `axes` (d, k), its principal components.

    `spread` (d) are standard deviations along them, `rest` (1) the mean square beside them,
    `limit` (1) the distance beyond which 5% of the validation pictures lie. `probes` (2, k + 1)
    are weights and bias of T1 and of contrast.
    """

    mean: FloatArray
    scale: FloatArray
    axes: FloatArray
    spread: FloatArray
    rest: FloatArray
    limit: FloatArray
    probes: FloatArray

    def looks(self, features: FloatArray) -> list[DomainScores]:
        """What slices of these features (N, k) look like."""
        scaled = self._scaled(features)
        distances = self._distances(scaled) / self.limit[0]
        t1, contrast = self._probed(scaled)
        return [DomainScores(*map(float, row)) for row in zip(distances, t1, contrast, strict=True)]

    def distances(self, features: FloatArray) -> Floats:
        """How far features (N, k) lie from those of the training pictures."""
        return self._distances(self._scaled(features))

    def tensors(self) -> dict[str, FloatArray]:
        """Itself, to be stored with the weights."""
        return {PREFIX + f.name: np.ascontiguousarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, FloatArray]) -> "DomainModel | None":
        """Back from what was stored; None where a model has none."""
        if PREFIX + "limit" not in tensors:
            return None
        found = {f.name: tensors[PREFIX + f.name].astype(np.float32) for f in fields(cls)}
        return cls(**found)

    def _scaled(self, features: FloatArray) -> Floats:
        texture = features[:, POOLED:].astype(np.float64)
        scaled: Floats = (texture - self.mean) / self.scale
        return scaled

    def _distances(self, scaled: Floats) -> Floats:
        along = scaled @ self.axes.T.astype(np.float64)
        beside = (scaled**2).sum(1) - (along**2).sum(1)
        distances: Floats = np.sqrt(
            ((along / self.spread) ** 2).mean(1) + np.maximum(beside, 0) / self.rest[0]
        )
        return distances

    def _probed(self, scaled: Floats) -> Floats:
        evidence = scaled @ self.probes[:, :-1].T + self.probes[:, -1]
        probabilities: Floats = 1 / (1 + np.exp(-np.clip(evidence, -50, 50)))
        return probabilities.T
