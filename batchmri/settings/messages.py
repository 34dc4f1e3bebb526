"""Messages for invalid settings: where a value was set, what was given, and what is allowed."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from batchmri.settings.sources import variable

Fields = Mapping[str, FieldInfo]
_EXAMPLE = "verdict.top_slices"


class Origins(dict[str, str]):
    """Maps settings to the names of their sources for messages; all Origins compare equal."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origins)

    def name(self, setting: str) -> str:
        """The flag, the variable, the config file and key, or the name of the setting."""
        return self.get(setting, setting)


class Contradiction(ValueError):  # noqa: N818 - its text is for pydantic, never raised to a caller
    """Two verdict settings of which the first is greater than the second, which is not allowed."""

    def __init__(self, lower: str, low: float, upper: str, high: float) -> None:
        super().__init__(f"{lower} {low:g} is above {upper} {high:g}")
        self.lower, self.low, self.upper, self.high = lower, low, upper, high


def explain(error: ValidationError, origins: Origins, fields: Fields) -> str:
    """One-line message for the first error; `fields` maps full names to all settings."""
    first = error.errors()[0]
    setting = ".".join(str(part) for part in first["loc"][:2])
    name = origins.name(setting)
    field = fields.get(setting)
    if first["type"] == "extra_forbidden":
        return f"{name}: unknown setting; {_suggestion(setting, name, fields)}"
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
    """One-line message for two settings that exclude each other, with their sources."""
    lower, upper = (
        name if (name := origins.get(f"verdict.{key}")) else f"verdict.{key} (default)"
        for key in (error.lower, error.upper)
    )
    return (
        f"{lower} is {error.low:g}, above {upper} with {error.high:g}; "
        f"{error.lower} must be at most {error.upper}"
    )


def _shown(value: object) -> str:
    """A given value, quoted, on one line, and shortened to 60 characters."""
    if value is None:
        return "nothing"
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _accepted(field: FieldInfo) -> str:
    """Description of the values that a setting accepts."""
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
    """The choices of a Literal, also within a list or a union."""
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    return [choice for part in get_args(annotation) for choice in _choices(part)]


def _suggestion(setting: str, name: str, fields: Fields) -> str:
    """Suggestion for an unknown setting, as a variable if it was given as a variable."""
    known = [*fields, *dict.fromkeys(field.partition(".")[0] for field in fields)]
    key = setting.rpartition(".")[2]
    same_key = [field for field in fields if field.partition(".")[2] == key]
    near = same_key or difflib.get_close_matches(setting.replace("-", "_"), known, n=1)
    as_variable = name == variable(setting)
    if near:
        return f"did you mean {variable(near[0]) if as_variable else near[0]}?"
    if as_variable:
        return f"unset it, or name a setting such as {variable(_EXAMPLE)}"
    return f"`batchmri config show` lists all settings, such as {_EXAMPLE}"


def example(section: str, fields: Fields) -> str:
    """An example setting of a section, as named in a config file and in the environment."""
    setting = next((field for field in fields if field.startswith(f"{section}.")), _EXAMPLE)
    return f"{setting} ({variable(setting)})"
