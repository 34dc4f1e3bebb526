"""Outputs of a network for cases, stored so that each network runs once per set of images."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from batchmri.model.backends.base import Backend
from batchmri.model.backends.registry import choose, load_backend
from batchmri.model.checkpoint import load_checkpoint
from batchmri.model.network import ClassMapNetwork
from batchmri.preparation.transforms import PreparationSettings
from batchmri.records import FloatArray
from batchmri.settings.classifier import ClassifierSettings
from batchmri.training.dataset import PreparedImages, prepare_table
from experiments.b1.cases import Case, rows_of

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Output:
    """A case and the network's outputs for its n slices.

    `logits` (n, classes) are not calibrated, `features` are (n, k), and `boxes` (n, 7) are those of
    PreparedImages.
    """

    case: Case
    logits: Floats
    features: FloatArray
    boxes: npt.NDArray[np.int32]


def network_outputs(cases: Sequence[Case], model: Path, work: Path, name: str) -> list[Output]:
    """Return the outputs of a model for cases; prepared images and outputs are stored in `work`."""
    network, card, _ = load_checkpoint(model)
    settings = PreparationSettings.model_validate(card.preparation)
    prepared = prepare_table(rows_of(cases), work / "pictures", settings)
    kept = work / f"{name}-{weights_key(network)}-{len(prepared.rows)}.npz"
    if not kept.exists():
        backend = load_backend(network, card, choose(ClassifierSettings()))
        indices = range(len(prepared.rows))
        values, features = run(backend, prepared, indices, settings)
        np.savez(kept, logits=values, features=features)
    arrays = np.load(kept)
    return split(cases, arrays["logits"].astype(np.float64), arrays["features"], prepared.boxes)


def run(
    backend: Backend,
    prepared: PreparedImages,
    indices: Sequence[int],
    settings: PreparationSettings,
) -> tuple[Floats, FloatArray]:
    """Return logits (n, classes) and features (n, k), computed as in a scan."""
    logits, features = [], []
    for start in range(0, len(indices), backend.batch_size):
        batch = prepared.batch(indices[start : start + backend.batch_size], settings)
        maps, found = backend.run(batch.numpy())
        logits.append(maps.astype(np.float64).mean((2, 3)))
        features.append(found)
    return np.concatenate(logits), np.concatenate(features)


def split(
    cases: Sequence[Case], values: Floats, features: FloatArray, boxes: npt.NDArray[np.int32]
) -> list[Output]:
    """Divide arrays of all slices among the cases."""
    ends = np.cumsum([len(case.rows) for case in cases])
    places = [slice(end - len(case.rows), end) for case, end in zip(cases, ends, strict=True)]
    return [
        Output(case, values[place], features[place], boxes[place])
        for case, place in zip(cases, places, strict=True)
    ]


def weights_key(network: ClassMapNetwork) -> str:
    """Return a digest of the weights of a network, which does not depend on its calibration."""
    sha = hashlib.sha256()
    for tensor in network.state_dict().values():
        sha.update(tensor.numpy().tobytes())
    return sha.hexdigest()[:12]


def softmax(values: Floats) -> Floats:
    """Return rows that sum to 1."""
    powers = np.exp(values - values.max(1, keepdims=True))
    result: Floats = powers / powers.sum(1, keepdims=True)
    return result
