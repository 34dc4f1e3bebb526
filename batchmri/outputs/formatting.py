"""How values stand in cells and on the console."""

import math
from collections.abc import Iterable, Sequence

from pydicom.config import IGNORE
from pydicom.uid import UID

_FORMULA = ("=", "+", "-", "@")


def printable(value: str) -> str:
    """One line without control characters, terminal escapes or text direction marks."""
    if not value.isprintable():
        value = "".join(c if c.isprintable() else " " for c in value)
    return value.strip()


def text(value: str) -> str:
    """Printable, and never what a spreadsheet would run (OWASP, CSV injection)."""
    clean = printable(value)
    return "'" + clean if clean.startswith(_FORMULA) else clean


def probability(value: float) -> str:
    """Four decimals, within 0 and 1."""
    return f"{min(max(value, 0.0), 1.0):.4f}"


def distance(value: float | None) -> str:
    """Three decimals; empty where unknown."""
    return "" if value is None else f"{value:.3f}"


def millimetres(value: float | None) -> str:
    """Three decimals at most; empty where unknown."""
    if value is None or not math.isfinite(value):
        return ""
    # Adding zero keeps a rounded -0.000 from showing its sign.
    return f"{round(value, 3) + 0.0:.3f}".rstrip("0").rstrip(".")


def flags(names: Iterable[str]) -> str:
    """Joined by semicolons, each once, in order."""
    return ";".join(sorted(set(names)))


def probabilities(values: Sequence[float], classes: Sequence[str]) -> dict[str, str]:
    """The `p_` cells."""
    return {f"p_{name}": probability(v) for name, v in zip(classes, values, strict=True)}


def transfer_syntax(value: str) -> str:
    """Its keyword where it is a known UID."""
    # IGNORE: a header may hold anything here, and pydicom would warn.
    return UID(value, validation_mode=IGNORE).keyword or value
