"""Parsing of values that are given as text: lists, labels, durations, limits and names."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated

import yaml
from pydantic import BeforeValidator, PlainSerializer

from batchmri.extensions import Registry


def split(text: str) -> list[str]:
    """Split `a, b` or a YAML or JSON list `["a", "b"]`; `[ab]*` is a single glob."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]") and ("," in text or '"' in text):
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError:
            found = None
        if isinstance(found, list) and all(isinstance(item, str) for item in found):
            return found
    return [part.strip() for part in text.split(",")]


_LABEL = re.compile(r"[\w-][\w.-]*")


def labels(value: object) -> object:
    """Convert a mapping or texts `LABEL=VALUE` to a mapping of labels to values."""
    texts = split(value) if isinstance(value, str) else value
    if isinstance(texts, Mapping):
        pairs = [(str(label), path) for label, path in texts.items()]
    elif isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts):
        pairs = [(label, path) for label, _, path in (text.partition("=") for text in texts)]
    else:
        return value
    if len({label for label, _ in pairs}) < len(pairs):
        raise ValueError("a label is used twice")
    if not all(_LABEL.fullmatch(label) and path != "" for label, path in pairs):
        raise ValueError("the label or its value is missing")
    return dict(pairs)


def _duration(value: object) -> object:
    """Parse `90s`, `10m`, `1h30m`, `2d`, or a number of seconds; leave other values to pydantic."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text.isascii() and text.isdigit():
        text += "s"
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd])\s*", text, re.ASCII)
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*([smhd])\s*", "", text, flags=re.ASCII):
        return value
    try:
        return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))
    except OverflowError:
        raise ValueError("too long") from None


def _duration_text(value: timedelta | None) -> str | None:
    """Format a duration for `_duration`, in the largest unit that divides it."""
    if value is None:
        return None
    seconds = value.total_seconds()
    unit = next((u for u in "dhm" if seconds and seconds % _SECONDS[u] == 0), "s")
    return f"{seconds / _SECONDS[unit]:.6f}".rstrip("0").rstrip(".") + unit


def or_none(value: object) -> object:
    """Parse `none` and `null`; leave other values to pydantic."""
    """Parse `none` and `null`; leave other values to pydantic."""
    """Parse `none` and `null`; leave other values to pydantic."""
    return None if isinstance(value, str) and value.strip().lower() in ("none", "null") else value


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION_WORDS = "a time such as 90s, 10m, 6h or 2d"
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(_duration_text, when_used="json"),
]
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%", re.ASCII)


def failure_limit(value: object) -> object:
    """Check `N` or `P%` (P at most 100), and return it as text; YAML parses N as a number."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    percent = _PERCENT.fullmatch(text)
    if not (re.fullmatch(r"\d+", text, re.ASCII) or (percent and float(percent[1]) <= 100)):
        raise ValueError("neither a number nor a percentage")
    return text


def registered(registry: Registry, *others: str) -> Callable[[str], str]:
    """A validator that accepts the names of a registry, and `others`."""

    def check(name: str) -> str:
        if name not in others and name not in registry:
            raise ValueError("not registered")
        return name

    return check
