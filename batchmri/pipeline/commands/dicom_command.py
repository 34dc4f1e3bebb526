"""`batchmri dicom`: write the DICOM objects of an output, and send them on request."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from batchmri.errors import UsageError
from batchmri.outputs.atomic_write import readers, write_atomic
from batchmri.outputs.console import Console, LogFormat
from batchmri.outputs.dicom.send import CALLING_TITLE, Peer, Tls, send
from batchmri.pipeline.dicom.dicom_results import FOLDER, report_totals, update_dicom_results
from batchmri.pipeline.run.last_export import last_settings
from batchmri.pipeline.run.lock import hold
from batchmri.pipeline.run.output_folder import state_path
from batchmri.pipeline.run.provenance import known_classes, known_rules
from batchmri.settings import Settings
from batchmri.state.store import Store

DEFAULT_KINDS = ("sr", "sc", "kos")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where objects are sent, the AE title of this program, and TLS settings if TLS is used."""

    peer: Peer
    title: str = CALLING_TITLE
    tls: Tls | None = None


def dicom(
    out: str | Path,
    *,
    kinds: Sequence[str] = (),
    destination: Destination | None = None,
    settings: Settings | None = None,
    state: Path | None = None,
    log_format: LogFormat = "auto",
) -> int:
    """Write the objects of all studies into OUT/dicom, and send those that were not sent yet.

    `kinds` defaults to those of the last scan, or else to `DEFAULT_KINDS`. The verdicts are those
    of the tables. Returns the exit code: 1 if a study has no objects because of a failure, or if an
    object was not sent. Raises UsageError if `out` contains no results.
    """
    output, settings = Path(out), settings or Settings.load()
    database = state_path(output, state)
    if not database.is_file():
        raise UsageError(f"{output}: no results here (no state.db); run batchmri scan first")
    console = Console(log_format)
    with (
        readers(group=settings.report.group_readable),
        hold(output, database.parent),
        Store(database) as store,
    ):
        settings = last_settings(store) or settings.with_model_rules(known_rules(store))
        classes = known_classes(store)
        kinds = tuple(kinds) or settings.report.dicom_results or DEFAULT_KINDS
        totals = update_dicom_results(store, classes, settings, output, kinds)
        report_totals(console, totals, output)
        n_failed = len(totals.failures)
        if destination is not None:
            n_failed += _send(store, output, destination, console)
    return int(n_failed > 0)


def _send(store: Store, output: Path, destination: Destination, console: Console) -> int:
    """Send the objects that the peer does not have yet; returns the number that failed."""
    peer = str(destination.peer)
    pending = {
        output / one.path: one.instance_uid
        for study in store.dicom.studies()
        for one in (store.dicom.get(study) or ("", ()))[1]
        if not store.dicom.was_sent(peer, one.instance_uid)
    }
    failed: list[tuple[str, str]] = []
    with console.stage(f"sending to {peer}", len(pending)) as progress:
        outcomes = send(pending, destination.peer, title=destination.title, tls=destination.tls)
        for path, error in outcomes:
            if error:
                name = str(path.relative_to(output))
                failed.append((name, error))
                console.warn("not sent", file=name, reason=error)
            else:
                store.dicom.mark_sent(peer, pending[path])
            progress.advance()
    console.log("sent", objects=len(pending) - len(failed), failed=len(failed), to=peer)
    _write_failures(output / FOLDER / "send_failures.csv", failed)
    return len(failed)


def _write_failures(path: Path, failed: Sequence[tuple[str, str]]) -> None:
    if not failed:
        path.unlink(missing_ok=True)
        return
    table = io.StringIO(newline="")
    csv.writer(table).writerows([("file", "reason"), *failed])
    write_atomic(path, table.getvalue().encode())
