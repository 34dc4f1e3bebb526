"""Options that several commands share, and flags that stand for settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from batchmri.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="Settings file (YAML)."
)
log_format_option = click.option(
    "--log-format",
    type=click.Choice(["auto", "plain", "json"]),
    default="auto",
    help="auto: progress bars on a terminal, plain lines elsewhere.",
)

state_option = click.option(
    "--state", type=click.Path(path_type=Path), help="Folder of state.db, if not OUT itself."
)


def option_of(setting: str, flag: str, **attributes: Any) -> Callable[[Command], Command]:
    """A flag for a setting such as `verdict.top_slices`; its help is the setting's own."""
    section, key = setting.split(".")
    kind = Settings.model_fields[section].annotation
    assert isinstance(kind, type) and issubclass(kind, BaseModel)
    text = kind.model_fields[key].description
    return click.option(flag, setting.replace(".", "__"), help=text, **attributes)


def sections(flags: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Flags made by `option_of`, by section; those not given are left out."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in flags.items():
        if value is None or value == ():
            continue
        section, _, key = name.partition("__")
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        found.setdefault(section, {})[key] = value
    return found
