import errno
import json
import logging
import os
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batchmri.errors import ArchiveError, UsageError
from batchmri.formats.read_headers import read_headers
from batchmri.outputs.logs import LOGGER
from batchmri.pipeline.commands.dry_run import dry_run
from batchmri.pipeline.commands.explain import explain
from batchmri.pipeline.commands.status import status
from batchmri.pipeline.plan import waiting
from batchmri.pipeline.run import shutdown
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.scan import scan
from batchmri.records import Series
from batchmri.settings import Settings
from batchmri.state.store import Store
from tests.pipeline import planted
from tests.pipeline.builders import changed, instance, save, uid, write_series
from tests.pipeline.outputs import assert_every_file_accounted_for, contents, table


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """An archive of two studies, and its output."""
    base = tmp_path_factory.mktemp("scanned")
    for study in ("a", "b"):
        write_series(base / "archive" / study, study, "one")
    assert scan([base / "archive"], out=base / "out", settings=settings).exit_code == 0
    return base


@pytest.fixture(scope="module")
def plain(settings: Settings) -> Settings:
    """Settings without pictures and report."""
    return changed(settings, "report", gradcam="none", html=False)


def reasons(out: Path) -> dict[str, str]:
    return {row["source"].rpartition("/")[2]: row["reason"] for row in table(out, "files")}


def memory(out: Path) -> list[str]:
    """The content of state.db, except for the list of runs."""
    with sqlite3.connect(out / "state.db") as connection:
        return [line for line in connection.iterdump() if not line.startswith('INSERT INTO "runs"')]


def test_a_root_that_is_not_mounted_changes_nothing(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    before = contents(out), memory(out)
    archive.rename(tmp_path / "away")
    with pytest.raises(ArchiveError, match="not mounted"):
        scan([archive], out=out, settings=settings)
    archive.mkdir()
    with pytest.raises(ArchiveError, match="12 files were known here, and none exists now"):
        scan([archive], out=out, settings=settings)
    assert (contents(out), memory(out)) == before


@pytest.mark.parametrize(
    ("year", "shown"), [(2300, "2262-04-11 23:47:16"), (1600, "1677-09-21 00:12:43")]
)
def test_a_file_dated_beyond_64_bits_is_a_file_like_any_other(
    year: int, shown: str, archive: Path, tmp_path: Path, plain: Settings
) -> None:
    odd, out = archive / "a" / "one-003", tmp_path / "out"
    time_ns = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**9
    os.utime(odd, ns=(time_ns, time_ns))
    if odd.stat().st_mtime_ns != time_ns:
        pytest.skip(f"this file system cannot store the year {year}")
    settling = changed(plain, "schedule", settle="10m")
    dry_run([archive], settings=settling)
    for _ in range(2):
        assert scan([archive], out=out, settings=settling).exit_code == 0
        rows = {row["source"]: row["status"] for row in table(out, "series")}
        # Both have just been written, so they are still arriving.
        assert rows == {"archive/a": "skipped", "archive/b": "skipped"}
    assert any(shown in line for line in explain(out, "archive/a/one-003"))
    assert scan([archive], out=out, settings=plain).exit_code == 0
    assert [row["n_slices"] for row in table(out, "series")] == ["6", "6"]


def test_a_fifth_of_the_files_gone_is_refused_unless_allowed(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    for study in ("c", "d", "e"):
        write_series(archive / study, study, "one")
    scan([archive], out=out, settings=settings)
    for study in ("a", "b", "c"):
        shutil.rmtree(archive / study)
    with pytest.raises(ArchiveError, match="18 of 30 known files have disappeared"):
        scan([archive], out=out, settings=settings)
    scan([archive], out=out, settings=settings, options=ScanOptions(allow_shrink=True))
    assert [row["change"] for row in table(out, "changes")] == ["gone"] * 3
    assert not list((out / "gradcam").glob(f"*/{uid('a')}"))


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that makes folders unreadable, also for root."""
    return lambda *folders: _deny(monkeypatch, *folders)


def _deny(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    real, closed = os.scandir, {str(folder) for folder in folders}

    def listed(path: str) -> Any:
        if str(path).rstrip("/") in closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path)

    monkeypatch.setattr("batchmri.archive.walker.os.scandir", listed)


def test_an_archive_without_permission_is_not_called_gone(
    archive: Path, tmp_path: Path, settings: Settings, denied: Callable[..., None]
) -> None:
    out, other = tmp_path / "out", tmp_path / "other"
    write_series(other, "c", "one")
    scan([archive, other], out=out, settings=settings)
    before = contents(out), memory(out)
    denied(archive)
    with pytest.raises(ArchiveError) as caught:
        scan([archive, other], out=out, settings=settings)
    assert str(caught.value) == (
        f"{archive}: 12 files were known here, and none was found: {archive} cannot be read "
        "(Permission denied); nothing was changed; check the permissions and the mount"
    )
    assert (contents(out), memory(out)) == before


def test_folders_without_permission_are_counted(
    archive: Path, tmp_path: Path, plain: Settings, denied: Callable[..., None]
) -> None:
    out = tmp_path / "out"
    for study in ("c", "d", "e"):
        write_series(archive / study, study, "one")
    scan([archive], out=out, settings=plain)
    denied(archive / "c", archive / "d")
    shutil.rmtree(archive / "e")
    with pytest.raises(ArchiveError) as caught:
        scan([archive], out=out, settings=plain)
    assert str(caught.value) == (
        "18 of 30 known files were not found: 2 files or folders cannot be read, first "
        f"{archive}/c (Permission denied); nothing was changed; check the permissions and the mount"
    )
    allowed = ScanOptions(allow_shrink=True)
    assert scan([archive], out=out, settings=plain, options=allowed).exit_code == 1
    left = sorted(uid(name) for name in "abcd")
    assert [row["study_uid"] for row in table(out, "studies")] == left, "only e is gone"


def test_a_study_in_a_folder_that_cannot_be_read_keeps_its_results(
    out: Path,
    archive: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = {name: table(out, name) for name in ("studies", "series", "slices")}
    with monkeypatch.context() as patch:
        _deny(patch, archive / "b")
        capsys.readouterr()
        assert scan([archive], out=out, settings=settings).exit_code == 1
        said = (
            "6 known files of 1 study could not be found, and the earlier results are kept: "
            f"{archive}/b cannot be read (Permission denied)"
        )
        shown = capsys.readouterr()
        assert said in shown.err and said in shown.out
        assert {name: table(out, name) for name in before} == before
        assert reasons(out) == {"b": "io_error"}
        assert status(out).notices == [said]
        assert json.loads((out / "run.json").read_text())["notices"] == [said]
        assert dry_run([archive], out=out, settings=settings).studies == 1, "b cannot be read"
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert {name: table(out, name) for name in before} == before
    assert reasons(out) == {}
    assert status(out).notices == []
    assert status(out).runs[0]["series"] == 0, "nothing is classified again"


def test_one_of_a_few_studies_may_be_deleted(out: Path, archive: Path, settings: Settings) -> None:
    shutil.rmtree(archive / "a")
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert [row["study_uid"] for row in table(out, "studies")] == [uid("b")]


def test_many_files_of_no_study_that_are_gone_are_refused(
    archive: Path, tmp_path: Path, plain: Settings
) -> None:
    for number in range(50):
        (archive / f"note-{number}.txt").write_text("text")
    out = tmp_path / "out"
    scan([archive], out=out, settings=plain)
    for path in archive.glob("note-*"):
        path.unlink()
    with pytest.raises(ArchiveError, match="50 of 62 known files have disappeared"):
        scan([archive], out=out, settings=plain)


def test_a_rescan_of_an_archive_that_is_gone_deletes_nothing(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    before = contents(out), memory(out)
    archive.rename(tmp_path / "away")
    archive.mkdir()
    # Also with another model: neither its classes nor its rules are stored.
    other = changed(settings, "report", identifiers=True)
    with pytest.raises(ArchiveError, match="none exists now"):
        scan([archive], out=out, settings=other, options=ScanOptions(rescan=True))
    assert (contents(out), memory(out)) == before


def test_a_rescan_that_is_killed_before_it_plans_loses_no_study(
    out: Path, archive: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, changes = contents(out), (out / "changes.csv").read_bytes()

    def interrupted(*_: object) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return read_headers

    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.index.HeaderContext", interrupted)
        code = scan([archive], out=out, settings=settings, options=ScanOptions(rescan=True))
    assert code.exit_code == 130
    assert (out / "changes.csv").read_bytes() == changes, "no study is gone"
    assert list((out / "gradcam").rglob("*.png")), "pictures stay until they are drawn again"
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert contents(out) == before
    assert (out / "changes.csv").read_bytes() == changes


def test_a_run_that_changes_nothing_leaves_the_changes_of_the_last_that_did(
    out: Path, archive: Path, settings: Settings
) -> None:
    write_series(archive / "c", "c", "one")
    scan([archive], out=out, settings=settings)
    changes = (out / "changes.csv").read_bytes()
    assert [row["study_uid"] for row in table(out, "changes")] == [uid("c")]
    scan([archive], out=out, settings=settings)
    assert (out / "changes.csv").read_bytes() == changes
    (out / "changes.csv").unlink()
    scan([archive], out=out, settings=settings)
    assert (out / "changes.csv").read_bytes() == changes


def test_an_arriving_study_waits_until_it_has_settled(
    archive: Path, tmp_path: Path, plain: Settings
) -> None:
    out = tmp_path / "out"
    patient = changed(plain, "schedule", settle=timedelta(minutes=10))
    long_ago = time.time() - 3600
    for path in archive.rglob("*-*"):
        os.utime(path, (long_ago, long_ago))
    scan([archive], out=out, settings=patient)
    assert {row["status"] for row in table(out, "series")} == {"classified"}
    # A copy that keeps an old mtime settles by the time when it was first seen.
    late = save(instance("b", "one", 6), archive / "b" / "one-006")
    os.utime(late, (long_ago, long_ago))
    assert scan([archive], out=out, settings=patient).exit_code == 0
    reasons = {row["study_uid"]: row["reason"] for row in table(out, "series")}
    assert reasons == {uid("a"): "", uid("b"): "still_arriving"}
    assert_every_file_accounted_for(out, 13)
    scan([archive], out=out, settings=plain)
    assert {row["status"] for row in table(out, "series")} == {"classified"}


@pytest.mark.parametrize("first_run", [True, False])
def test_a_file_dated_in_the_future_settles_by_when_it_was_seen(
    archive: Path,
    tmp_path: Path,
    plain: Settings,
    monkeypatch: pytest.MonkeyPatch,
    first_run: bool,
) -> None:
    out, now, past = tmp_path / "out", time.time(), time.time() - 3600
    patient = changed(plain, "schedule", settle=timedelta(minutes=10))
    for path in archive.rglob("*-*"):
        os.utime(path, (past, past))
    if not first_run:
        scan([archive], out=out, settings=patient)
    os.utime(archive / "a" / "one-000", (now + 1e9, now + 1e9))
    (archive / "b" / "one-000").write_bytes((archive / "b" / "one-001").read_bytes())
    os.utime(archive / "b" / "one-000", (past - 9e8, past - 9e8))

    def waiting() -> set[str]:
        return {row["study_uid"] for row in table(out, "series") if row["status"] == "skipped"}

    scan([archive], out=out, settings=patient)
    # An mtime that moves backward is a change as well, if an earlier run saw another one.
    assert waiting() == ({uid("a")} if first_run else {uid("a"), uid("b")})
    monkeypatch.setattr(time, "time", lambda: now + 660)
    scan([archive], out=out, settings=patient)
    assert waiting() == set()


def test_a_hang_and_a_crash_affect_only_their_own_files(
    tmp_path: Path, plain: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmri.pipeline.engines.decode_pool.decode_many", planted.fails_for_some)
    for study in range(5):
        write_series(tmp_path / "archive" / str(study), f"study-{study}", "one", n=20)
    for name in ("hang", "crash"):
        (tmp_path / "archive" / "3" / f"one-{5 + len(name):03d}").rename(
            tmp_path / "archive" / "3" / name
        )
    out = tmp_path / "out"
    quick = changed(plain, "archive", file_timeout_s=3.0)
    assert scan([tmp_path / "archive"], out=out, settings=quick).exit_code == 1
    assert reasons(out) == {"hang": "decoder_timeout", "crash": "decoder_crashed"}
    assert len(table(out, "slices")) == 98
    assert_every_file_accounted_for(out, 100)


def test_a_series_that_was_given_up_is_read_when_its_permissions_allow_it(
    archive: Path, tmp_path: Path, plain: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(instance("a", "one", 6), archive / "a" / "denied")
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.engines.decode_pool.decode_many", planted.fails_for_some)
        scan([archive], out=out, settings=plain)
    with sqlite3.connect(out / "state.db") as connection:
        connection.execute("UPDATE series SET tries = 3 WHERE tries = 1")
    assert reasons(out) == {"denied": "io_error"}
    scan([archive], out=out, settings=plain)
    assert reasons(out) == {}


def test_a_temporary_failure_is_tried_in_three_runs_and_reported_as_new_once(
    archive: Path,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save(instance("a", "one", 6), archive / "a" / "stalled")
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.engines.decode_pool.decode_many", planted.fails_for_some)
        codes = [scan([archive], out=out, settings=settings).exit_code for _ in range(3)]
        assert "failed in 3 runs, not tried again" in capsys.readouterr().err
        assert status(out).notices == ["1 series failed in 3 runs: only --retry-failed tries again"]
        assert "    failed in 3 runs; only --retry-failed tries again" in explain(out, "archive/a")
    assert codes == [1, 0, 0]
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert reasons(out) == {"stalled": "io_error"}, "given up: not tried any more"
    again = ScanOptions(retry_failed=True)
    assert scan([archive], out=out, settings=settings, options=again).exit_code == 0
    assert reasons(out) == {}
    assert status(out).notices == []
    fresh = tmp_path / "fresh"
    scan([archive], out=fresh, settings=settings)
    assert contents(out) == contents(fresh)


def test_a_spent_time_budget_ends_with_5_and_the_next_run_continues(
    out: Path, archive: Path, tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = contents(out)
    hurried = tmp_path / "hurried"
    tiny = changed(settings, "schedule", time_budget=timedelta(microseconds=1))
    assert scan([archive], out=hurried, settings=tiny).exit_code == 5
    stderr = capsys.readouterr().err
    said = "stopped: the time budget is used up; the archive was not read completely"
    assert said in stderr
    assert status(hurried).notices == [f"{said}; the next run continues"]
    assert scan([archive], out=hurried, settings=settings).exit_code == 0
    assert contents(hurried) == whole


@pytest.mark.parametrize(
    ("n_in_time", "code", "says"),
    [(0, 5, "; 2 series remain; the"), (1, 5, "; 1 series remain, about 1 more runs"), (2, 0, "")],
)
def test_a_budget_that_ends_with_the_last_series_is_not_exceeded(
    archive: Path,
    tmp_path: Path,
    plain: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    n_in_time: int,
    code: int,
    says: str,
) -> None:
    def waiting_until_the_budget_ends(store: Store) -> Iterator[Series]:
        series = list(waiting(store))
        yield from series[:n_in_time]
        late = SimpleNamespace(monotonic=lambda: time.monotonic() + 7200)
        monkeypatch.setattr(shutdown, "time", late)
        yield from series[n_in_time:]

    monkeypatch.setattr("batchmri.pipeline.scan.waiting", waiting_until_the_budget_ends)
    hour = changed(plain, "schedule", time_budget=timedelta(hours=1))
    outcome = scan([archive], out=tmp_path / "out", settings=hour)
    stderr = capsys.readouterr().err
    assert (outcome.exit_code, len(table(tmp_path / "out", "series"))) == (code, n_in_time)
    assert says in stderr and ("stopped" in stderr) == bool(says)


def test_more_failures_than_allowed_end_with_3(
    archive: Path, tmp_path: Path, plain: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmri.pipeline.engines.decode_pool.decode_many", planted.fails_for_some)
    for study in ("a", "b", "c"):
        save(instance(study, "one", 6), archive / study / "stalled")
    strict = changed(plain, "schedule", max_failures="0")
    assert scan([archive], out=tmp_path / "out", settings=strict).exit_code == 3


def test_too_many_invalid_headers_end_a_run_before_it_classifies(
    archive: Path, tmp_path: Path, plain: Settings
) -> None:
    for number in range(3):
        (archive / f"bad{number}_T1.nii").write_bytes(bytes(400))
    strict = changed(plain, "schedule", max_failures="2")
    assert scan([archive], out=tmp_path / "out", settings=strict).exit_code == 3
    assert not any(row["status"] == "classified" for row in table(tmp_path / "out", "series"))
    assert scan([archive], out=tmp_path / "out", settings=strict).exit_code == 0
    assert any(row["status"] == "classified" for row in table(tmp_path / "out", "series"))


def test_the_state_may_be_elsewhere_and_is_then_required(
    archive: Path, tmp_path: Path, plain: Settings
) -> None:
    out, local = tmp_path / "out", ScanOptions(state=tmp_path / "local")
    scan([archive], out=out, settings=plain, options=local)
    assert not (out / "state.db").exists()
    assert (tmp_path / "local" / "state.db").is_file()
    with pytest.raises(UsageError, match="--state"):
        scan([archive], out=out, settings=plain)
    changes = table(out, "changes")
    scan([archive], out=out, settings=plain, options=local)
    assert table(out, "changes") == changes


def test_an_output_inside_a_root_is_not_walked(archive: Path, plain: Settings) -> None:
    for _ in range(2):
        scan([archive], out=archive / "results", settings=plain)
        assert_every_file_accounted_for(archive / "results", 12)


def test_changed_selection_rules_process_only_what_is_newly_wanted(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    write_series(archive / "t2", "a", "two", SeriesDescription="AX T2 TSE", EchoTime=100.0)
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    assert [row["reason"] for row in table(out, "series")].count("other_sequence") == 1
    everything = changed(settings, "selection", all_sequences=True)
    scan([archive], out=out, settings=everything)
    assert {row["status"] for row in table(out, "series")} == {"classified"}
    fresh = tmp_path / "fresh"
    scan([archive], out=fresh, settings=everything)
    assert contents(out) == contents(fresh)


def test_objects_written_by_batchmri_never_make_a_study_new_or_changed(
    out: Path, archive: Path, settings: Settings
) -> None:
    save(instance("a", "ours", 0, Manufacturer="batchmri"), archive / "a" / "ours")
    save(instance("z", "ours", 0, Manufacturer="batchmri"), archive / "z" / "ours")
    changes = table(out, "changes")
    scan([archive], out=out, settings=settings)
    assert table(out, "changes") == changes
    assert [row["reason"] for row in table(out, "series")].count("own_result") == 2


def test_another_version_of_the_header_reader_reads_headers_again_and_redoes_changed_series(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described() -> dict[str, str]:
        return {row["study_uid"]: row["series_description"] for row in table(out, "series")}

    def classified_now() -> int:
        return json.loads((out / "run.json").read_text())["slices_classified_now"]

    out = tmp_path / "out"
    long_ago = time.time() - 3600
    for path in archive.rglob("*-*"):
        os.utime(path, (long_ago, long_ago))
    scan([archive], out=out, settings=settings)
    monkeypatch.setattr("batchmri.pipeline.engines.local.read_headers", planted.reads_otherwise)
    scan([archive], out=out, settings=settings)
    assert described() == {uid("a"): "AX T1", uid("b"): "AX T1"}, "no file has changed"
    monkeypatch.setattr("batchmri.pipeline.index.HEADER_VERSION", 0)
    settled = changed(settings, "schedule", settle=timedelta(minutes=1))
    scan([archive], out=out, settings=settled)
    assert described() == {uid("a"): "AX T1", uid("b"): "T1 anew"}
    assert classified_now() == 6, "study a reads as before, so its results stand"
    assert [row["study_uid"] for row in table(out, "changes")] == [uid("b")]
    fresh = tmp_path / "fresh"
    scan([archive], out=fresh, settings=settings)
    assert contents(out) == contents(fresh)
    scan([archive], out=out, settings=settings)
    assert classified_now() == 0


def test_a_rescan_reads_headers_again(
    out: Path, archive: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batchmri.pipeline.engines.local.read_headers", planted.reads_otherwise)
    scan([archive], out=out, settings=settings, options=ScanOptions(rescan=True))
    assert {row["series_description"] for row in table(out, "series")} == {"AX T1", "T1 anew"}


def test_log_lines_name_each_failure_once_with_its_reason(
    tmp_path: Path, archive: Path, plain: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = save(instance("a", "one", 6), archive / "a" / "cut")
    cut.write_bytes(cut.read_bytes()[:3000])
    (archive / "empty").write_bytes(b"")
    for _ in range(2):
        scan([archive], out=tmp_path / "out", settings=plain, log_format="plain")
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning: failed" in line]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d warning: failed ", line) for line in lines)
    failed = [r["source"] for r in table(tmp_path / "out", "files") if r["status"] == "failed"]
    assert failed == ["archive/a/cut", "archive/empty"]
    named = [re.search(r"file=(\S+) reason=\w+", line) for line in lines]
    assert sorted(match[1] for match in named if match) == failed


@pytest.fixture
def log_level() -> Iterator[Callable[[int], None]]:
    before = LOGGER.level
    yield LOGGER.setLevel
    LOGGER.setLevel(before)


def test_a_quiet_scan_prints_only_warnings(
    tmp_path: Path,
    archive: Path,
    settings: Settings,
    log_level: Callable[[int], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_level(logging.WARNING)
    scan([archive], out=tmp_path / "out", settings=settings, log_format="plain")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_a_verbose_scan_names_every_series(
    tmp_path: Path,
    archive: Path,
    plain: Settings,
    log_level: Callable[[int], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    log_level(logging.DEBUG)
    scan([archive], out=tmp_path / "out", settings=plain, log_format="plain")
    lines = capsys.readouterr().err.splitlines()
    assert sum("classified series=archive/" in line for line in lines) == 2
