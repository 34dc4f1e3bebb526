"""Checks that a checkpoint matches its card and can be used."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from batchmri.errors import ModelError
from batchmri.model.card import Card, read_card
from batchmri.model.checkpoint import load_checkpoint
from batchmri.model.network import ClassMapNetwork
from batchmri.settings import first_error


@dataclass(frozen=True, slots=True)
class Check:
    """Result of one check: what was found, or what is wrong."""

    name: str
    passed: bool
    found: str


def verify_model(path: Path, read_preparation: Callable[[dict[str, Any]], object]) -> list[Check]:
    """Check a model's card, preparation settings, metrics and weights.

    `read_preparation` raises pydantic's ValidationError for invalid preparation settings. Checks
    that depend on a failed one are omitted.
    """
    try:
        card = read_card(path)
    except ModelError as error:
        return [Check("card", False, str(error))]
    summary = f"{len(card.classes)} classes, {card.no_tumor_class} means no tumor"
    checks = [
        Check("card", True, summary),
        _check_preparation(card, read_preparation),
        _check_metrics(card),
    ]
    try:
        network, _, _ = load_checkpoint(path)
    except ModelError as error:
        return [*checks, Check("weights", False, str(error))]
    summary = f"sha256 {card.weights_digest[:16]}… as in the card, {len(card.classes)} outputs"
    return [*checks, Check("weights", True, summary), _check_weights_finite(network)]


def _check_preparation(card: Card, read_preparation: Callable[[dict[str, Any]], object]) -> Check:
    try:
        read_preparation(card.preparation)
    except ValidationError as error:
        where, first = first_error(error)
        return Check("preparation", False, f"{where}: {first['msg']}")
    settings = ", ".join(f"{name} {value}" for name, value in card.preparation.items())
    return Check("preparation", True, settings or "defaults")


def _check_metrics(card: Card) -> Check:
    numbers = list(_numbers(card.metrics))
    wrong = [name for name, value in numbers if not math.isfinite(value)]
    if wrong:
        return Check("metrics", False, f"not finite: {', '.join(wrong)}")
    return Check("metrics", True, f"{len(numbers)}, all finite" if numbers else "none")


def _numbers(metrics: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(metrics, dict):
        for key, value in metrics.items():
            yield from _numbers(value, f"{name}.{key}" if name else str(key))
    elif isinstance(metrics, list | tuple):
        for index, value in enumerate(metrics):
            yield from _numbers(value, f"{name}.{index}")
    elif isinstance(metrics, int | float):
        yield name, metrics


def _check_weights_finite(network: ClassMapNetwork) -> Check:
    tensors = network.state_dict()
    wrong = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if wrong:
        return Check("values", False, f"not finite: {wrong[0]} and {len(wrong) - 1} more")
    return Check("values", True, f"{sum(t.numel() for t in tensors.values())}, all finite")
