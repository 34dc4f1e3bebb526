from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batchmri.model.ood import POOLED
from batchmri.preparation.transforms import PreparationSettings
from batchmri.training import fit_ood as module
from batchmri.training.dataset import PreparedImages
from batchmri.training.fit_ood import fit_ood
from batchmri.training.table import Row

SEQUENCES = ("t1", "t1_contrast", "t2", "")
TEXTURE = 70


def texture(rows: Sequence[Row]) -> np.ndarray:
    """Return noise, shifted in one channel by contrast and in another by other sequences."""
    found = np.random.default_rng(0).normal(size=(len(rows), TEXTURE))
    found[:, 0] += [4.0 * (row.sequence == "t1_contrast") for row in rows]
    found[:, 1] += [9.0 * (row.sequence == "t2") for row in rows]
    return np.hstack([np.zeros((len(rows), POOLED)), found]).astype(np.float32)


def table(count: int) -> list[Row]:
    return [
        Row(Path("a"), "notumor", ("train", "val")[i % 2], sequence=SEQUENCES[i // 2 % 4])  # type: ignore[arg-type]
        for i in range(count)
    ]


def fitted(monkeypatch: pytest.MonkeyPatch, rows: list[Row]) -> Any:
    values = texture(rows)
    monkeypatch.setattr(module, "features_of", lambda _n, _p, chosen, _s: values[chosen])
    nothing = np.empty((0, 1, 1), np.uint8)
    prepared = PreparedImages(
        rows, nothing, nothing, np.empty(0, np.int64), np.empty((0, 7), np.int32)
    )
    return fit_ood(None, prepared, PreparationSettings()), values  # type: ignore[arg-type]


def test_five_percent_of_validation_images_exceed_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = table(1600)
    (detector, metrics), values = fitted(monkeypatch, rows)
    looks = detector.scores(values)
    exceeds = [
        look.ood_score > 1
        for look, row in zip(looks, rows, strict=True)
        if row.split == "val" and row.sequence != "t2"
    ]
    assert 0.03 < np.mean(exceeds) < 0.07
    assert metrics["t1_auc"] > 0.99 and metrics["contrast_auc"] > 0.9


def test_other_sequences_are_farther_and_detected_by_probes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = table(1600)
    (detector, _), values = fitted(monkeypatch, rows)
    by = {
        name: [
            x for x, row in zip(detector.scores(values), rows, strict=True) if row.sequence == name
        ]
        for name in SEQUENCES
    }
    assert np.median([x.ood_score for x in by["t2"]]) > np.median([x.ood_score for x in by["t1"]])
    assert np.mean([x.t1 < 0.5 for x in by["t2"]]) > 0.9
    assert np.mean([x.contrast > 0.5 for x in by["t1_contrast"]]) > 0.9
    assert np.mean([x.contrast < 0.5 for x in by["t1"]]) > 0.9


def test_probes_without_named_sequences_answer_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row(Path("a"), "notumor", ("train", "val")[i % 2]) for i in range(600)]  # type: ignore[arg-type]
    (detector, metrics), values = fitted(monkeypatch, rows)
    look = detector.scores(values[:1])[0]
    assert look.t1 > 0.99 and look.contrast > 0.99 and not metrics


def test_too_few_images_have_no_domain_model(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = fitted(monkeypatch, table(40))
    assert found is None
