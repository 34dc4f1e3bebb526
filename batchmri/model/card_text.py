"""Text rendering of a model card."""

from collections.abc import Iterator
from typing import Any

from batchmri.model.card import Card

_WIDTH = 78


def describe(card: Card) -> str:
    """Return the card as text: properties, metrics, data sources and shortened commands."""
    return "\n".join(_lines(card))


def _lines(card: Card) -> Iterator[str]:
    yield f"intended use   {card.intended_use}"
    yield f"classes        {', '.join(card.classes)} ({card.no_tumor_class} means no tumor)"
    yield f"domain         {card.domain or 'not stated'}"
    yield f"license        {card.license or 'not stated'}"
    stride = "kept" if card.last_stride else "removed"
    yield f"architecture   {card.architecture}, last stride {stride}"
    settings = ", ".join(f"{name} {value}" for name, value in card.preparation.items())
    yield f"preparation    {settings or 'defaults'}"
    yield f"temperature    {card.temperature:g}"
    yield f"weights        sha256 {card.weights_digest or 'not stated'}"
    yield f"training data  sha256 {card.training_data_digest or 'not stated'}"
    yield f"created by     {card.created_by or 'not stated'}"
    for name, metrics in card.metrics.items():
        yield ""
        yield f"metrics: {name}"
        yield from _metrics(metrics)
    if card.sources:
        yield ""
        yield "sources"
        for source in card.sources:
            use = f" ({source.use})" if source.use else ""
            yield f"  {source.name}: {source.license}{use}"
    if card.commands:
        yield ""
        yield "commands (complete with --json)"
        yield from (f"  {_shortened(command)}" for command in card.commands)


def _shortened(command: str) -> str:
    return command if len(command) <= _WIDTH else f"{command[: _WIDTH - 2]} …"


def _metrics(metrics: Any) -> Iterator[str]:
    if not isinstance(metrics, dict):
        yield f"  {metrics}"
        return
    width = max((len(str(name)) for name in metrics), default=0)
    for name, value in metrics.items():
        yield f"  {name:<{width}}  {value}"
