"""Risk-coverage curve: the error rate if the least confident predictions are withheld.

Source: Geifman & El-Yaniv, Selective Classification for Deep Neural Networks, 2017.
"""

import math

import numpy as np

from batchmri.evaluation.intervals import Floats, Ints, Key

COVERAGES = (0.5, 0.8, 0.9, 0.95)


def risk_by_coverage(labels: Ints, probabilities: Floats) -> tuple[Floats, Floats]:
    """Return coverage (n,), from 1/n to 1, and risk (n,).

    The risk at a coverage is the error rate among that share of the most confident predictions.
    """
    order = np.argsort(-probabilities.max(1), kind="stable")
    wrong = (probabilities.argmax(1) != labels)[order]
    ranks = np.arange(1, len(labels) + 1)
    return ranks / max(len(labels), 1), wrong.cumsum() / ranks


def coverage_scores(labels: Ints, probabilities: Floats) -> dict[Key, float]:
    """Return the mean of the risk-coverage curve (aurc) and the risk at each of COVERAGES."""
    coverage, risk = risk_by_coverage(labels, probabilities)
    if not len(risk):
        return {("aurc", ""): math.nan}
    scores: dict[Key, float] = {("aurc", ""): float(risk.mean())}
    for target in COVERAGES:
        index = min(int(np.searchsorted(coverage, target - 1e-9)), len(risk) - 1)
        scores[f"risk_at_{target:.0%}_coverage".replace("%", ""), ""] = float(risk[index])
    return scores
