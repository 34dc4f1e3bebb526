"""Values of table cells: rounded and sanitized in every format, and as text in CSV."""

from math import isnan

from batchmri.outputs.formatting import text
from batchmri.outputs.rows import Value
from batchmri.outputs.schema import Column


def stored(column: Column, value: Value) -> Value:
    """The value that every table format contains: rounded, and text made harmless (`text`)."""
    if isinstance(value, float) and column.decimals is not None:
        return round(value, column.decimals) + 0.0  # adding zero turns -0.0 into 0.0
    if isinstance(value, tuple):
        return tuple(text(one) for one in value)
    return value if value is None or column.type != "string" else text(str(value))


def cell(column: Column, value: Value) -> str | int | float | None:
    """The value as a CSV cell; None is an empty cell."""
    value = stored(column, value)
    if isinstance(value, float):
        if column.decimals is None:
            return None if isnan(value) else value
        digits = f"{value:.{column.decimals}f}"
        return digits.rstrip("0").rstrip(".") if column.trim else digits
    return ";".join(value) if isinstance(value, tuple) else value
