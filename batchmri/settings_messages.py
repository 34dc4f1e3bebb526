"""Messages for settings that are not valid: where it was set, what was given, what is allowed."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from batchmri.config_sources import variable

Fields = Mapping[str, FieldInfo]
_EXAMPLE = "verdict.top_slices"


class Origins(dict[str, str]):
    """Setting → how the person who set it calls it, for messages; irrelevant to equality."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origins)

    def name(self, setting: str) -> str:
        """The flag, the variable, the config file and key, or the setting itself."""
        return self.get(setting, setting)


class Contradiction(ValueError):  # noqa: N818 - its text is for pydantic, never raised to a caller
    """Two verdict settings of which the first may not be above the second."""

    def __init__(self, lower: str, low: float, upper: str, high: float) -> None:
        super().__init__(f"{lower} {low:g} is above {upper} {high:g}")
        self.lower, self.low, self.upper, self.high = lower, low, upper, high


def explain(error: ValidationError, origins: Origins, fields: Fields) -> str:
    """One line about the first error; `fields` are all settings by their full names."""
    first = error.errors()[0]
    setting = ".".join(str(part) for part in first["loc"][:2])
    name = origins.name(setting)
    field = fields.get(setting)
    if first["type"] == "extra_forbidden":
        return f"{name}: unknown setting; {_nearest(setting, name, fields)}"
    if isinstance(reason := first.get("ctx", {}).get("error"), Contradiction):
        return contradiction(reason, origins)
    if field is None:
        given = _shown(first["input"])
        return f"{name}: expected settings such as {example(setting, fields)}, got {given}"
    value = first["input"]
    near = difflib.get_close_matches(str(value).lower(), _choices(field.annotation), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{name}: {_shown(value)} is not allowed; expected {_accepted(field)}{hint}"


def contradiction(error: Contradiction, origins: Origins) -> str:
    """One line about two settings that exclude each other, and where each was set."""
    lower, upper = (
        name if (name := origins.get(f"verdict.{key}")) else f"verdict.{key} (default)"
        for key in (error.lower, error.upper)
    )
    return (
        f"{lower} is {error.low:g}, above {upper} with {error.high:g}; "
        f"{error.lower} must be at most {error.upper}"
    )


def _shown(value: object) -> str:
    """A given value as it was written, on one line and not too long."""
    if value is None:
        return "nothing"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _accepted(field: FieldInfo) -> str:
    """What a setting accepts, in words."""
    if isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra["allowed"])
    choices = _choices(field.annotation)
    if choices:
        return ", ".join(choices[:-1]) + " or " + choices[-1]
    if field.annotation is bool:
        return "true or false"
    if field.annotation not in (int, float):
        return "a path"
    noun = "a whole number" if field.annotation is int else "a number"
    bounds = [f"{words} {value}" for bound in field.metadata for words, value in _bound(bound)]
    return " ".join([noun, " and ".join(bounds)]).strip()


def _bound(bound: object) -> Iterator[tuple[str, Any]]:
    match bound:
        case Ge(limit):
            yield "of at least", limit
        case Gt(limit):
            yield "above", limit
        case Le(limit):
            yield "of at most", limit


def _choices(annotation: Any) -> list[str]:
    """The words that a type names: those of a Literal, also within a list or a union."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]


def _nearest(setting: str, name: str, fields: Fields) -> str:
    """What an unknown setting was probably meant to be, named in the way that it was given."""
    known = [*fields, *dict.fromkeys(one.partition(".")[0] for one in fields)]
    key = setting.rpartition(".")[2]
    same_key = [one for one in fields if one.partition(".")[2] == key]
    near = same_key or difflib.get_close_matches(setting.replace("-", "_"), known, n=1)
    as_variable = name == variable(setting)
    if near:
        return f"did you mean {variable(near[0]) if as_variable else near[0]}?"
    if as_variable:
        return f"unset it, or name a setting such as {variable(_EXAMPLE)}"
    return f"`batchmri config show` lists all settings, such as {_EXAMPLE}"


def example(section: str, fields: Fields) -> str:
    """Some setting of a section, as a config file and as the environment name it."""
    setting = next((one for one in fields if one.startswith(f"{section}.")), _EXAMPLE)
    return f"{setting} ({variable(setting)})"
