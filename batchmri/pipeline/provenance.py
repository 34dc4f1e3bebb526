"""What the results in a state were made with: another model or precision may not be mixed in."""

import json
from collections.abc import Mapping
from typing import Any

from batchmri.errors import ModelError, StateError, UsageError
from batchmri.model.card import SHIPPED, read_card
from batchmri.records import Classes
from batchmri.settings import Settings
from batchmri.state.store import Store

_KEY = "made_with"  # its name in outputs of version 0.1


def check_provenance(store: Store, now: Mapping[str, str]) -> None:
    """Raise StateError, naming both, if results were made with something else.

    That is another model, preparation, device or precision.
    """
    known = store.meta(_KEY)
    if known is not None:
        before: dict[str, str] = json.loads(known)
        differing = [key for key in now if before.get(key) != now[key]]
        if differing:
            told = ", ".join(f"{key} {before.get(key)} (now {now[key]})" for key in differing)
            raise StateError(
                f"this output was made with {told}: use --rescan to make it anew, or a new --out"
            )


def remember_model(
    store: Store,
    now: Mapping[str, str],
    classes: Classes,
    rules: Mapping[str, Any],
    *,
    rescan: bool,
) -> None:
    """Note what results are made with from now on, their classes, and the model's verdict rules.

    With `rescan` earlier results are forgotten, and headers are read again.
    """
    if rescan:
        store.series.forget_results()
        store.files.forget_headers()
    store.set_meta(_KEY, json.dumps(now, sort_keys=True))
    store.set_meta("classes", json.dumps([classes.names, classes.no_tumor]))
    store.set_meta("verdict_rules", json.dumps(rules))


def known_classes(store: Store) -> Classes:
    """What the probabilities in the state stand for. Raises UsageError before a first scan."""
    known = store.meta("classes")
    if known is None:
        raise UsageError("this output holds no results yet; run batchmri scan first")
    names, no_tumor = json.loads(known)
    return Classes(tuple(names), no_tumor)


def effective_settings(settings: Settings) -> Settings:
    """The settings with which a scan runs: with the verdict rules of the model card.

    Raises ModelError, and SettingsError where a rule of the card contradicts one that was set.
    """
    try:
        card = read_card(settings.classifier.model or SHIPPED)
    except ModelError as error:
        raise ModelError(f"{settings.name('classifier.model')}: {error}") from None
    return settings.with_model_rules(card.verdict)


def known_rules(store: Store) -> dict[str, Any]:
    """The verdict rules of the model that made the results."""
    rules: dict[str, Any] = json.loads(store.meta("verdict_rules") or "{}")
    return rules
