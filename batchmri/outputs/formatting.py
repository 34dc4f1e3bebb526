"""Formatting of values for table cells and the console."""

import math
from collections.abc import Iterable, Sequence

from pydicom.config import IGNORE
from pydicom.uid import UID

_FORMULA_PREFIXES = ("=", "+", "-", "@")


def printable(value: str) -> str:
    """Replace control characters, terminal escapes and text direction marks by spaces."""
    if not value.isprintable():
        value = "".join(c if c.isprintable() else " " for c in value)
    return value.strip()


def text(value: str) -> str:
    """Make text printable and prevent formulas in spreadsheets (OWASP, CSV injection)."""
    clean = printable(value)
    return "'" + clean if clean.startswith(_FORMULA_PREFIXES) else clean


def probability(value: float) -> str:
    """Four decimals, clipped to 0 and 1."""
    return f"{min(max(value, 0.0), 1.0):.4f}"


def distance(value: float | None) -> str:
    """Three decimals; empty for None."""
    return "" if value is None else f"{value:.3f}"


def millimetres(value: float | None) -> str:
    """Three decimals at most; empty if unknown or not finite."""
    if value is None or not math.isfinite(value):
        return ""
    # Adding zero turns -0.0 into 0.0.
    return f"{round(value, 3) + 0.0:.3f}".rstrip("0").rstrip(".")


def flags(names: Iterable[str]) -> str:
    """Unique names, sorted and joined by semicolons."""
    return ";".join(sorted(set(names)))


def probabilities(values: Sequence[float], classes: Sequence[str]) -> dict[str, str]:
    """The `p_<class>` cells."""
    return {f"p_{name}": probability(v) for name, v in zip(classes, values, strict=True)}


def transfer_syntax(value: str) -> str:
    """The keyword of a known UID; other values are returned unchanged."""
    # IGNORE: pydicom would warn about invalid UIDs in headers.
    return UID(value, validation_mode=IGNORE).keyword or value
