"""Confidence intervals of proportions."""

import math


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95% Wilson score interval of a proportion of n (Wilson, 1927)."""
    z = 1.959964
    if n == 0:
        return 0.0, 1.0
    center = share + z * z / (2 * n)
    half_width = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (center - half_width) / scale), min(1.0, (center + half_width) / scale)
