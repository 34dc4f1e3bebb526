"""Rates with exact 95% intervals (Clopper & Pearson, 1934)."""

from collections.abc import Iterable

from scipy.stats import beta

_TAIL = 0.025


def exact_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the interval of a proportion of `n` independent trials."""
    low = float(beta.ppf(_TAIL, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1 - _TAIL, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def rate(hits: Iterable[bool]) -> str:
    """Return a share in percent with its counts and interval, such as `50% (1 of 2; 1-99)`."""
    found = [bool(hit) for hit in hits]
    if not found:
        return "-"
    low, high = (100 * bound for bound in exact_interval(sum(found), len(found)))
    share = 100 * sum(found) / len(found)
    return f"{share:.0f}% ({sum(found)} of {len(found)}; {low:.0f}-{high:.0f})"
