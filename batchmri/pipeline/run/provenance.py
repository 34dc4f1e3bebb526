"""Provenance of the results in a state: results of different models or precisions are not mixed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from batchmri.errors import ModelError, StateError, UsageError
from batchmri.model.card import SHIPPED, Card, read_card
from batchmri.pipeline.run.calibration_file import with_calibration
from batchmri.records import Classes
from batchmri.renamed import CARD, rename_keys
from batchmri.settings import Settings
from batchmri.state.store import Store

PROVENANCE_KEY = "made_with"  # the name in outputs of version 0.1
CLASSES_KEY = "classes"
_RULES_KEY = "verdict_rules"
_CARD_KEY = "card"


def check_provenance(store: Store, output: Path, now: Mapping[str, str]) -> None:
    """Raise StateError if the results in the state have another provenance than `now`.

    The provenance is the model, temperature, preparation, device, precision, and use of
    identifiers. The message states what differs.
    """
    before = known_provenance(store)
    if before and (differences := provenance_differences(before, now)):
        raise StateError(
            f"{output}: its results were made with {', '.join(differences)}; continue with the "
            "same model and settings, use --rescan to classify everything again, or choose a new "
            "--out"
        )


def provenance_differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs between two provenances, in words, such as `--precision fp32 (now bf16)`."""
    differing = {key for key in now if before.get(key) != now[key]}
    if "model" in differing:  # temperature and preparation belong to the model
        differing -= {"temperature", "preparation"}
    words = {key: (_in_words(key, before.get(key)), _in_words(key, now[key])) for key in differing}
    return [f"{_NAMES[key]}{was} (now {will})" for key, (was, will) in sorted(words.items())]


_NAMES = {
    "device": "",
    "identifiers": "",
    "model": "model ",
    "precision": "--precision ",
    "preparation": "preparation of slices: ",
    "temperature": "temperature ",
}


def _in_words(key: str, value: str | None) -> str:
    if value is None:
        return "unknown"
    if key == "model":
        return value[:8]
    if key == "device":
        backend, _, device = value.partition(" ")
        return f"--backend {backend} on {device}"
    if key == "identifiers":
        return "--identifiers" if value == "true" else "no --identifiers"
    return value


def remember_model(
    store: Store,
    now: Mapping[str, str],
    classes: Classes,
    card: Card,
    *,
    rescan: bool,
) -> None:
    """Store the provenance of new results, their classes, and the model card.

    With `rescan`, earlier results are deleted and headers are read again.
    """
    if rescan:
        store.series.forget_results()
        store.files.forget_headers()
    store.set_meta(PROVENANCE_KEY, json.dumps(now, sort_keys=True))
    store.set_meta(CLASSES_KEY, json.dumps([classes.names, classes.no_tumor]))
    store.set_meta(_RULES_KEY, json.dumps(card.verdict))
    store.set_meta(_CARD_KEY, json.dumps(card.model_dump(mode="json")))


def copy_provenance(source: Store, target: Store) -> None:
    """Store the provenance of the results of another state with the same model."""
    for key in (PROVENANCE_KEY, CLASSES_KEY, _RULES_KEY, _CARD_KEY):
        if (value := source.meta(key)) is not None:
            target.set_meta(key, value)


def known_classes(store: Store) -> Classes:
    """The classes of the probabilities in the state. Raises UsageError before the first scan."""
    known = store.meta(CLASSES_KEY)
    if known is None:
        raise UsageError("this output contains no results yet; run batchmri scan first")
    names, no_tumor = json.loads(known)
    provenance = json.loads(store.meta(PROVENANCE_KEY) or "{}")
    return Classes(tuple(names), no_tumor, float(provenance.get("temperature", 1)))


def effective_settings(settings: Settings) -> Settings:
    """The settings used by a scan, completed by the calibration file and the model card.

    Raises ModelError, and SettingsError if one of their rules contradicts a setting.
    """
    try:
        card = read_card(settings.classifier.model or SHIPPED)
    except ModelError as error:
        raise ModelError(f"{settings.name('classifier.model')}: {error}") from None
    return with_calibration(settings, card.verdict, card.weights_digest)


def known_rules(store: Store) -> dict[str, Any]:
    """The verdict rules of the model that produced the results."""
    rules: dict[str, Any] = json.loads(store.meta(_RULES_KEY) or "{}")
    return rules


def known_model(store: Store) -> str:
    """The digest of the model that produced the results; empty before the first scan."""
    return str(json.loads(store.meta(PROVENANCE_KEY) or "{}").get("model", ""))


def known_card(store: Store) -> dict[str, Any]:
    """The card of the model that produced the results; empty in states of version 0.1."""
    return rename_keys(json.loads(store.meta(_CARD_KEY) or "{}"), CARD)


def known_provenance(store: Store) -> dict[str, str]:
    """The provenance of the results: model, preparation, device, precision."""
    known: dict[str, str] = json.loads(store.meta(PROVENANCE_KEY) or "{}")
    return known
