"""Old names of commands, flags and settings, which keep working for one release.

Using an old name prints one line on stderr. Old keys in model cards are read silently, since cards
are not written by hand.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any

COMMANDS = {"verdict": "reclassify"}
FLAGS = {"--randomised": "--randomized"}
SECTIONS = {"night": "schedule"}
TRAINING = {
    "averaging": "ema_decay",
    "draws": "samples_per_epoch",
    "false_alarms": "target_fpr",
    "left_out": "held_out",
    "missed": "target_fnr",
    "shares": "sampling_weights",
}
CARD = {"field": "domain", "figures": "metrics", "licence": "license"}
REMOVED = {"verdict.without_contrast_confidence": "verdict.notumor_below_without_contrast"}
"""Removed settings, which are ignored, and the settings that replace them."""

_CONVERTED: dict[str, Callable[[Any], Any]] = {
    # `averaging` was the weight of the new value in the moving average: 1 - decay.
    "averaging": lambda step: round(1 - step, 12) if isinstance(step, int | float) else step
}


def warn_renamed(old: str, new: str) -> None:
    """Print that a name was replaced."""
    _warn(f"{old} is now {new}; the old name will stop working in the next release")


def rename_keys(
    given: Mapping[str, Any], names: Mapping[str, str], where: str = ""
) -> dict[str, Any]:
    """Replace old keys by current ones, convert their values, and warn about each old key.

    `where` names the source of the mapping in warnings; without it there are none. A current key
    takes precedence over its old name.
    """
    current = {key: value for key, value in given.items() if key not in names}
    for old, new in names.items():
        if old in given:
            if where:
                warn_renamed(f"{where}: {old}", new)
            current.setdefault(new, _CONVERTED.get(old, lambda value: value)(given[old]))
    return current


def without_removed(section: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a section without removed ones, and warn about each of those."""
    for removed, instead in REMOVED.items():
        if removed.partition(".")[0] == section and removed.partition(".")[2] in given:
            _warn(f"{removed} was removed and is ignored; see {instead}")
    return {key: value for key, value in given.items() if f"{section}.{key}" not in REMOVED}


def _warn(line: str) -> None:
    print(f"warning: {line}", file=sys.stderr)
