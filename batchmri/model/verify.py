"""Is a checkpoint what its card says, and can it be used?"""

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
    """One thing looked at: what was found, or what is wrong with it."""

    name: str
    passed: bool
    found: str


def verify_model(path: Path, read_preparation: Callable[[dict[str, Any]], object]) -> list[Check]:
    """DomainScores at the card, the weights behind it, its preparation and its figures.

    `read_preparation` raises pydantic's ValidationError for settings that prepare no slice. What
    cannot be looked at, since an earlier check failed, has no check.
    """
    try:
        card = read_card(path)
    except ModelError as error:
        return [Check("card", False, str(error))]
    named = f"{len(card.classes)} classes, {card.no_tumor_class} means no tumour"
    checks = [Check("card", True, named), _preparation(card, read_preparation), _figures(card)]
    try:
        network, _, _ = load_checkpoint(path)
    except ModelError as error:
        return [*checks, Check("weights", False, str(error))]
    told = f"sha256 {card.weights_digest[:16]}… as in the card, {len(card.classes)} outputs"
    return [*checks, Check("weights", True, told), _finite(network)]


def _preparation(card: Card, read_preparation: Callable[[dict[str, Any]], object]) -> Check:
    try:
        read_preparation(card.preparation)
    except ValidationError as error:
        where, first = first_error(error)
        return Check("preparation", False, f"{where}: {first['msg']}")
    told = ", ".join(f"{name} {value}" for name, value in card.preparation.items())
    return Check("preparation", True, told or "defaults")


def _figures(card: Card) -> Check:
    numbers = list(_numbers(card.figures))
    wrong = [name for name, value in numbers if not math.isfinite(value)]
    if wrong:
        return Check("figures", False, f"not finite: {', '.join(wrong)}")
    return Check("figures", True, f"{len(numbers)}, all finite" if numbers else "none")


def _numbers(figures: Any, name: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(figures, dict):
        for key, value in figures.items():
            yield from _numbers(value, f"{name}.{key}" if name else str(key))
    elif isinstance(figures, list | tuple):
        for place, value in enumerate(figures):
            yield from _numbers(value, f"{name}.{place}")
    elif isinstance(figures, int | float):
        yield name, figures


def _finite(network: ClassMapNetwork) -> Check:
    tensors = network.state_dict()
    wrong = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if wrong:
        return Check("values", False, f"not finite: {wrong[0]} and {len(wrong) - 1} more")
    return Check("values", True, f"{sum(t.numel() for t in tensors.values())}, all finite")
