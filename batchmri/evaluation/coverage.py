"""Coverage against risk: how wrong the calls are that remain when the least sure are withheld.

Geifman & El-Yaniv, Selective Classification for Deep Neural Networks, 2017.
"""

import math

import numpy as np

from batchmri.evaluation.intervals import Floats, Ints, Key

COVERAGES = (0.5, 0.8, 0.9, 0.95)


def risk_by_coverage(labels: Ints, probabilities: Floats) -> tuple[Floats, Floats]:
    """Coverage (1/n … 1), and the share called wrong among the surest pictures of that number."""
    order = np.argsort(-probabilities.max(1), kind="stable")
    wrong = (probabilities.argmax(1) != labels)[order]
    ranks = np.arange(1, len(labels) + 1)
    return ranks / max(len(labels), 1), wrong.cumsum() / ranks


def coverage_scores(labels: Ints, probabilities: Floats) -> dict[Key, float]:
    """The area under that curve (its mean), and the risk at some coverages."""
    coverage, risk = risk_by_coverage(labels, probabilities)
    if not len(risk):
        return {("aurc", ""): math.nan}
    found: dict[Key, float] = {("aurc", ""): float(risk.mean())}
    for wanted in COVERAGES:
        place = min(int(np.searchsorted(coverage, wanted - 1e-9)), len(risk) - 1)
        found[f"risk_at_{wanted:.0%}_coverage".replace("%", ""), ""] = float(risk[place])
    return found
