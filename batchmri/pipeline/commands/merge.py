"""`batchmri merge`: join outputs that were made separately, without reading the archive."""

import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from batchmri.errors import OutputError, StateError, UsageError
from batchmri.outputs.atomic_write import make_folder, readers, write_json
from batchmri.outputs.console import Console, LogFormat
from batchmri.outputs.datapackage import CONTRACT
from batchmri.outputs.summary import print_summary
from batchmri.pipeline.export import export
from batchmri.pipeline.index import HEADER_VERSION_KEY
from batchmri.pipeline.run.last_export import last_settings
from batchmri.pipeline.run.lock import hold
from batchmri.pipeline.run.output_folder import claim_state, find_state, make_output, state_record
from batchmri.pipeline.run.provenance import (
    CLASSES_KEY,
    copy_provenance,
    known_classes,
    known_provenance,
    provenance_differences,
)
from batchmri.pipeline.run.run_report import counts
from batchmri.pipeline.run.study_stream import StudyStream
from batchmri.pipeline.totals import Totals
from batchmri.settings import Settings
from batchmri.settings.flag_names import flag_name
from batchmri.state.store import Store

_PICTURES = ("gradcam", "dicom")
# Settings on which results depend. Verdict rules and reports may have changed since the scan.
_SCANNED = {"selection": None, "archive": ("nifti_study",)}


@dataclass(frozen=True, slots=True)
class _Input:
    """An output to be merged: its state, its run.json, and everything that must be the same."""

    folder: Path
    database: Path
    run: Mapping[str, Any]
    settings: Settings
    facts: Mapping[str, str]
    provenance: Mapping[str, str]


def merge(
    outputs: Sequence[str | Path], *, out: str | Path, log_format: LogFormat = "auto"
) -> Totals:
    """Join the results of several outputs in a new one that equals the output of a single scan.

    Raises UsageError, and writes nothing, if an output has no results, is unfinished, or was made
    with another model, other settings or another contract, or if a study or a file differs between
    two outputs.
    """
    output, folders = Path(out), [Path(path) for path in outputs]
    _check_folders(folders, output)
    databases = [find_state(folder) for folder in folders]
    with make_output(output), hold(output, *folders, *(path.parent for path in databases)):
        inputs = [_read(folder, path) for folder, path in zip(folders, databases, strict=True)]
        for other in inputs[1:]:
            _check_alike(inputs[0], other)
        # The state gets its final name last, when everything else is in place.
        unfinished = output / ".state.db.tmp"
        for left_behind in (unfinished, output / "results.jsonl"):  # by a merge that was killed
            left_behind.unlink(missing_ok=True)
        with readers(group=inputs[0].settings.report.group_readable):
            try:
                with Store(unfinished) as store:
                    _join(store, inputs)
                    for each in inputs:
                        _link_pictures(each.folder, output)
                    totals = _write(store, inputs, output)
                unfinished.replace(output / "state.db")
            finally:
                unfinished.unlink(missing_ok=True)
    console = Console(log_format)
    print_summary(console, totals, output)
    if not inputs[0].settings.report.html:
        console.say(f"The outputs have no HTML report. To write one: batchmri report {output}")
    return totals


def _check_folders(folders: Sequence[Path], output: Path) -> None:
    resolved = [folder.resolve() for folder in folders]
    for folder in folders:
        if resolved.count(folder.resolve()) > 1:
            raise UsageError(f"{folder}: named twice; name each output once")
    if output.resolve() in resolved or (output / "state.db").exists():
        raise UsageError(f"--out {output}: already contains results; choose a new folder")


def _read(folder: Path, database: Path) -> _Input:
    """Read an output to be merged. Raises UsageError if it is unfinished."""
    with Store(database) as store:
        known_classes(store)  # raises UsageError before the first scan
        left = store.series.n_waiting()
        settings = last_settings(store)
        run = _run(folder)
        if left or store.changes_are_open or settings is None or run is None:
            raise UsageError(
                f"{folder}: its scan is not finished; run it again until it ends with exit code 0 "
                "or 1"
            )
        provenance = known_provenance(store)
        facts = {
            "contract": str(run.get("contract_version")),
            "header reader": str(store.meta(HEADER_VERSION_KEY)),
            "classes": str(store.meta(CLASSES_KEY)),
            **_settings_facts(run["settings"], settings),
        }
    if facts["contract"] != CONTRACT:
        raise StateError(
            f"{folder}: its tables have contract version {facts['contract']}, and this version of "
            f"batchmri writes {CONTRACT}; scan it again first"
        )
    return _Input(folder, database, run, settings, facts, provenance)


def _run(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return found if isinstance(found["settings"], dict) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _settings_facts(scanned: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """The settings on which results and tables depend, by flag or full name."""
    sections = {
        name: {key: scanned[name][key] for key in keys or scanned[name]}
        for name, keys in _SCANNED.items()
    }
    sections |= settings.model_dump(mode="json", include={"verdict", "report"})
    return {
        flag_name(f"{section}.{key}"): _shown(value)
        for section, values in sections.items()
        for key, value in values.items()
    }


def _shown(value: Any) -> str:
    """A setting as it is written on the command line."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return ",".join(map(str, value)) or "none"
    if isinstance(value, dict):
        return ",".join(f"{key}={one}" for key, one in value.items()) or "none"
    return "none" if value is None else str(value)


def _check_alike(first: _Input, other: _Input) -> None:
    differences = provenance_differences(other.provenance, first.provenance)
    differences = [text.replace("(now ", "(first output: ") for text in differences]
    differences += [
        f"{name} {other.facts.get(name)} (first output: {value})"
        for name, value in first.facts.items()
        if other.facts.get(name) != value
    ]
    if differences:
        raise StateError(
            f"{other.folder}: cannot be merged with {first.folder}, because it was made with "
            f"{', '.join(differences)}; use the same settings for all outputs"
        )


def _join(store: Store, inputs: Sequence[_Input]) -> None:
    """Add all states to `store`. Raises UsageError if a study or a file differs."""
    for position, each in enumerate(inputs):
        with store.merge(each.database) as other:
            if (uid := other.differing_study()) is not None:
                found = _first_with(inputs[:position], uid, each)
                raise UsageError(
                    f"study {uid}: its files or results differ between {found} and {each.folder}; "
                    "scan all of its files into one output"
                )
            if (source := other.differing_file()) is not None:
                raise UsageError(
                    f"{source}: another file in {each.folder} than in the outputs before it; scan "
                    "the folders with different labels (--root-label)"
                )
            other.add()
    with Store(inputs[0].database) as first:
        copy_provenance(first, store)
    mount_points: set[str] = set()
    for each in inputs:
        with Store(each.database) as one:
            store.remember_roots(one.known_roots(), one.folder_labels())
            mount_points |= one.mount_points()
    store.remember_mount_points(mount_points)
    # Patient digests of different outputs cannot be compared, so the next scan reads all headers.
    store.files.forget_headers()
    store.set_meta(HEADER_VERSION_KEY, inputs[0].facts["header reader"])


def _first_with(inputs: Iterable[_Input], header_study: str, other: _Input) -> Path:
    """The first of the outputs that contains a study."""
    for each in inputs:
        with Store(each.database) as store:
            if store.files.instances(header_study)[0]:
                return each.folder
    return other.folder


def _link_pictures(folder: Path, output: Path) -> None:
    """Link pictures and DICOM objects into `output`, or copy them to another file system.

    Links are safe, since batchmri replaces files and never changes them. Raises OutputError.
    """
    try:
        for path in (p for name in _PICTURES for p in (folder / name).rglob("*") if p.is_file()):
            target = output / path.relative_to(folder)
            if path.suffix == ".tmp" or target.exists():
                continue
            make_folder(target.parent)
            try:
                os.link(path, target)
            except OSError:
                shutil.copy2(path, target)
    except OSError as error:
        raise OutputError(f"cannot write {output}: {error.strerror} ({error.filename})") from None


def _write(store: Store, inputs: Sequence[_Input], output: Path) -> Totals:
    """Write the tables, results.jsonl, run.json, and a row for `batchmri status`."""
    started = time.time()
    claim_state(store, output)
    classes, settings = known_classes(store), inputs[0].settings
    totals = export(store, classes, settings, output, draw=True)
    with StudyStream(store, classes, settings, output) as stream:
        stream.add_finished()
    run = {
        "run": secrets.token_hex(4),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
    }
    document = {
        **inputs[0].run,
        **run,
        "command": sys.argv,
        "state": state_record(output, (output / "state.db").resolve()),
        "merged_from": [str(each.folder.resolve()) for each in inputs],
        "seconds": {"export": round(time.time() - started, 3)},
        "slices_classified_now": 0,
        "slices_per_second": 0.0,
        "counts": counts(store, totals),
        "notices": [],
    }
    write_json(output / "run.json", document)
    done = {"seconds": round(time.time() - started), "exit_code": 0, "series": 0, "slices": 0}
    store.put_run({**run, **done, "new_failures": 0, "left": 0})
    return totals
