"""Geometry of the curve of p_tumor over the slices of a series, for an inline SVG."""

from itertools import pairwise
from typing import Any

from batchmri.outputs.sinks import SinkContext
from batchmri.records import SeriesResult, Verdict

_WIDTH, _HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 14, 28
_MAX_TICKS = 8


def curve(result: SeriesResult, verdict: Verdict, context: SinkContext) -> dict[str, Any]:
    """Coordinates of the curve, the deciding run and the thresholds, in a box of 640 × 200."""
    classes, rules = context.classes, context.settings.verdict
    numbers = [s.ref.index + 1 for s in result.scores]
    first, last = min(numbers), max(numbers)

    def x(number: float) -> float:
        span = max(last - first, 1)
        return round(_LEFT + (number - first) / span * (_WIDTH - _LEFT - _RIGHT), 1)

    def y(probability: float) -> float:
        return round(_TOP + (1 - probability) * (_HEIGHT - _TOP - _BOTTOM), 1)

    points = [
        (x(number), y(classes.tumor_probability(s.probabilities)))
        for number, s in zip(numbers, result.scores, strict=True)
    ]
    half = (x(first + 1) - x(first)) / 2 if last > first else 6.0
    start, end = verdict.deciding[0] + 1, verdict.deciding[-1] + 1
    left = max(x(start) - half, _LEFT)
    right = min(x(end) + half, _WIDTH - _RIGHT)
    thresholds = sorted({rules.notumor_below, rules.tumor_above})
    return {
        "width": _WIDTH,
        "height": _HEIGHT,
        "left": _LEFT,
        "right": _WIDTH - _RIGHT,
        "top": y(1),
        "bottom": y(0),
        "first": first,
        "last": last,
        "points": points,
        "line": " ".join(f"{a:g},{b:g}" for a, b in points),
        "run": {"x": left, "width": round(right - left, 1), "start": start, "end": end},
        "run_x": round(min(max((left + right) / 2, _LEFT + 60), _WIDTH - _RIGHT - 60), 1),
        "thresholds": [{"y": y(value), "text": f"{value:g}"} for value in thresholds],
        "label_gap": len(thresholds) > 1 and _close([y(value) for value in thresholds]),
        "x_ticks": [{"x": x(number), "text": number} for number in _ticks(first, last)],
        "y_ticks": [{"y": y(value), "text": f"{value:g}"} for value in (0, 0.5, 1)],
    }


def _close(heights: list[float]) -> bool:
    return any(abs(a - b) < 12 for a, b in pairwise(heights))


def _ticks(first: int, last: int) -> list[int]:
    """Round slice numbers, and the first one."""
    step = next(
        step
        for power in (1, 10, 100, 1000, 10000)
        for step in (power, 2 * power, 5 * power)
        if (last - first) / step <= _MAX_TICKS
    )
    ticks = [n for n in range(first, last + 1) if n % step == 0]
    return ticks if ticks and ticks[0] - first < step / 2 else [first, *ticks]
