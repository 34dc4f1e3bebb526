"""Sources of settings: a config file (YAML) and the environment (`BATCHMRI_…`)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from batchmri.errors import SettingsError

PREFIX = "BATCHMRI_"


def variable(setting: str) -> str:
    """The environment variable of a setting such as `verdict.top_slices`."""
    return PREFIX + setting.replace(".", "__").upper()


def environment() -> dict[str, str]:
    """Map settings to the values of `BATCHMRI_…` variables; empty variables count as unset."""
    return {
        name.removeprefix(PREFIX).lower().replace("__", ".", 1): text
        for name, text in os.environ.items()
        if name.startswith(PREFIX) and text.strip()
    }


def read_yaml(config: Path, what: str = "config file") -> dict[str, Any]:
    """Read the top-level mapping of a YAML file. Raises SettingsError with the line of an error.

    `what` is the kind of file in messages.
    """
    where = f"{what} {config}"
    try:
        # utf-8-sig accepts the byte order mark of Windows editors.
        content = yaml.load(config.read_text(encoding="utf-8-sig"), _UniqueKeyLoader)
    except IsADirectoryError:
        raise SettingsError(f"{where}: is a folder; name a YAML file") from None
    except OSError as error:
        raise SettingsError(f"{where}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise SettingsError(f"{where}: is not UTF-8 text (byte {error.start})") from None
    except yaml.YAMLError as error:
        raise SettingsError(
            f"{where}{_position(error)}: no valid YAML: {_problem(error)}"
        ) from None
    except (RecursionError, ValueError) as error:
        raise SettingsError(f"{where}: no valid YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        raise SettingsError(f"{where}: expected sections such as 'verdict:', found {content!r:.40}")
    return dict(content)


class _UniqueKeyLoader(yaml.SafeLoader):
    """Loader that rejects duplicate keys; SafeLoader silently keeps the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen and name != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"{name} is there twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def _position(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        return " ".join(filter(None, (error.context, error.problem)))
    if isinstance(error, yaml.reader.ReaderError):
        return f"character {error.character!r} is not allowed"
    return str(error).splitlines()[0]
