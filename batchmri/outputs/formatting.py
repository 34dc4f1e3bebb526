"""Formatting of values for table cells and the console."""

from collections.abc import Sequence

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


def probabilities(values: Sequence[float], classes: Sequence[str]) -> dict[str, str]:
    """The `p_<class>` cells."""
    return {f"p_{name}": probability(v) for name, v in zip(classes, values, strict=True)}
