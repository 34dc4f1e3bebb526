"""Another temperature for probabilities that were calibrated with the one of the model card."""

from collections.abc import Sequence
from dataclasses import replace

from batchmri.records import Classes, Scores
from batchmri.settings.verdict import VerdictSettings


def sharpening(classes: Classes, rules: VerdictSettings) -> float:
    """The exponent that changes stored probabilities to the temperature of the rules.

    Probabilities are softmax(logits / T), so those of another temperature are proportional to
    p ** (T / new T): no logits are needed. 1 if the temperature is that of the model card.
    """
    return 1.0 if rules.temperature is None else classes.temperature / rules.temperature


def sharpened(scores: Sequence[Scores], exponent: float) -> tuple[Scores, ...]:
    """Raise the probabilities of slices to a power and normalize them."""
    if exponent == 1:
        return tuple(scores)
    return tuple(replace(s, probabilities=_power(s.probabilities, exponent)) for s in scores)


def _power(row: tuple[float, ...], exponent: float) -> tuple[float, ...]:
    # Relative to the highest value, which would otherwise vanish with a large exponent.
    highest = max(row)
    powers = [(value / highest) ** exponent for value in row]
    return tuple(value / sum(powers) for value in powers)
