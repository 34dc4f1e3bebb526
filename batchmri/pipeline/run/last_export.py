"""A record of the last export, so that unchanged tables are not written again."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from batchmri.outputs.datapackage import CONTRACT
from batchmri.outputs.paths import montage_path
from batchmri.outputs.sinks import SinkContext
from batchmri.settings import Settings
from batchmri.state.store import Store

_KEY = "last_export"


def digest_of_sources(
    store: Store, context: SinkContext, sinks: Sequence[str], *, draw: bool
) -> str:
    """Digest of everything that an export depends on, except the files that it has written."""
    depends = [version("batchmri"), CONTRACT, store.revision, list(sinks), draw]
    depends += [_relevant(context.settings)]
    depends += [context.classes.names, context.classes.no_tumor, context.card, context.provenance]
    text = json.dumps(depends, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def export_record(
    made_from: str, files: Iterable[Path], context: SinkContext, totals: str
) -> dict[str, str]:
    """The entries of `meta` to store after an export; `last_export` returns `totals`."""
    record = {
        "made_from": made_from,
        "files": {str(path.relative_to(context.output)): _stamp(path) for path in files},
        "settings": _relevant(context.settings),
        "totals": totals,
    }
    return {_KEY: json.dumps(record)}


def last_settings(store: Store) -> Settings | None:
    """The verdict and report settings of the last export; None if they are unknown."""
    record = json.loads(store.meta(_KEY) or "{}")
    return Settings.model_validate(record["settings"]) if record else None


def last_export(store: Store, made_from: str, output: Path) -> str | None:
    """The totals of the last export; None if it is out of date or any of its files has changed."""
    record = json.loads(store.meta(_KEY) or "{}")
    if record.get("made_from") != made_from or store.changes_are_open:
        return None
    if any(_stamp(output / name) != stamp for name, stamp in record["files"].items()):
        return None
    if not all((output / montage_path(uid)).is_file() for uid in store.studies.with_montage()):
        return None
    totals: str = record["totals"]
    return totals


def _relevant(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(
        mode="json",
        include={"verdict", "report"},
        exclude={"report": {"on_study", "on_study_timeout"}},
    )


def _stamp(path: Path) -> list[int] | None:
    """Size and modification time of a file; None if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
