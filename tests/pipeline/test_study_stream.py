"""results.jsonl, --on-study, changes/ and the end of a scan."""

import json
from pathlib import Path

import pytest

from batchmri.errors import SettingsError
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from batchmri.state.store import Store
from tests.pipeline.builders import changed, instance, save, write_series
from tests.pipeline.outputs import table


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two studies with a classified series each, and one with a skipped series only."""
    write_series(tmp_path / "archive" / "a", study="a")
    write_series(tmp_path / "archive" / "b", study="b")
    write_series(tmp_path / "archive" / "c", study="c", n=2)
    return tmp_path / "archive"


def lines(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]


def by_study(out: Path) -> dict[str, dict]:
    return {line["study_uid"]: line for line in lines(out)}


def test_every_study_is_one_line_with_the_values_of_studies_csv(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    found = by_study(out)
    assert len(lines(out)) == len(found) == 3
    for row in table(out, "studies"):
        line = found[row["study_uid"]]
        assert (line["status"], line["source"]) == (row["status"], row["source"])
        assert str(line["verdict"] or "") == row["verdict"]
        assert line["p_tumor"] == (float(row["p_tumor"]) if row["p_tumor"] else None)
        assert len(line["series"]) == int(row["n_series"])


def test_a_line_is_written_before_the_scan_ends(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def fails(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.scan.export", fails)
        with pytest.raises(KeyboardInterrupt):
            scan([archive], out=out, settings=settings)
    assert len(lines(out)) == 3
    scan([archive], out=out, settings=settings)
    assert len(lines(out)) == 3


def test_a_later_run_adds_only_studies_that_are_new_or_changed(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    before = lines(out)
    write_series(archive / "d", study="d")
    save(instance("b", "series", 6), archive / "b" / "series-006")
    scan([archive], out=out, settings=settings)
    assert lines(out)[:3] == before
    assert {line["source"] for line in lines(out)[3:]} == {"archive/b", "archive/d"}
    assert by_study(out)[before[0]["study_uid"]]["version"]


def test_a_kill_neither_loses_nor_doubles_a_line(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    path, expected = out / "results.jsonl", by_study(out)
    last = lines(out)[-1]["study_uid"]
    with Store(out / "state.db") as store:  # killed after the line, before the state
        store.listed.put(last, "")
        store.set_meta("listed_revision", "")
    scan([archive], out=out, settings=settings)
    assert len(lines(out)) == 3

    path.write_bytes(path.read_bytes()[:-20])  # killed within the line
    with Store(out / "state.db") as store:
        store.listed.put(last, "")
        store.set_meta("listed_revision", "")
    scan([archive], out=out, settings=settings)
    assert len(lines(out)) == 3
    assert by_study(out) == expected

    path.unlink()
    scan([archive], out=out, settings=settings)
    assert by_study(out) == expected


def test_lines_of_a_group_that_the_state_does_not_know_are_recorded_after_a_kill(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out, received = tmp_path / "out", tmp_path / "received.jsonl"
    scan([archive], out=out, settings=settings)
    before = (out / "results.jsonl").read_bytes()
    with Store(out / "state.db") as store:
        store.listed.clear()
        store.set_meta("listed_revision", "")
    scan([archive], out=out, settings=changed(settings, "report", on_study=f"tee -a '{received}'"))
    assert (out / "results.jsonl").read_bytes() == received.read_bytes() == before


def test_earlier_lines_of_a_changed_study_are_not_taken_for_unrecorded_ones(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out, received = tmp_path / "out", tmp_path / "received.jsonl"
    scan([archive], out=out, settings=settings)
    save(instance("b", "series", 6), archive / "b" / "series-006")
    scan([archive], out=out, settings=settings)
    assert len(lines(out)) == 4
    scan([archive], out=out, settings=changed(settings, "report", on_study=f"tee -a '{received}'"))
    assert not received.exists()
    assert len(lines(out)) == 4


def test_a_command_receives_every_finished_study(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out, received = tmp_path / "out", tmp_path / "with space.jsonl"
    settings = changed(settings, "report", on_study=f"tee -a '{received}'")
    scan([archive], out=out, settings=settings)
    assert received.read_bytes() == (out / "results.jsonl").read_bytes()
    scan([archive], out=out, settings=settings)
    assert len(received.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("command", "why"), [("false", "exit code 1"), ("sleep 60", "took longer than 0.1 s")]
)
def test_a_command_that_fails_is_logged_and_counted(
    archive: Path,
    tmp_path: Path,
    settings: Settings,
    command: str,
    why: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    settings = changed(settings, "report", on_study=command, on_study_timeout=0.1)
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert json.loads((out / "run.json").read_text())["counts"]["failed_commands"] == 3
    assert capfd.readouterr().err.count(why) == 3


@pytest.mark.parametrize("command", ["no-such-program --x", "'open quote"])
def test_a_command_that_cannot_run_is_refused_before_the_scan(
    archive: Path, tmp_path: Path, settings: Settings, command: str
) -> None:
    settings = changed(settings, "report", on_study=command)
    with pytest.raises(SettingsError, match=r"report\.on_study: "):
        scan([archive], out=tmp_path / "out", settings=settings)


def test_every_run_that_changed_anything_leaves_a_dated_file(
    archive: Path, tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    (first,) = (out / "changes").iterdir()
    assert first.read_bytes() == (out / "changes.csv").read_bytes()
    scan([archive], out=out, settings=settings)
    assert list((out / "changes").iterdir()) == [first]
    write_series(archive / "d", study="d")
    scan([archive], out=out, settings=settings)
    (second,) = set((out / "changes").iterdir()) - {first}
    assert second.read_bytes() == (out / "changes.csv").read_bytes() != first.read_bytes()


def test_the_summary_is_one_json_object(
    archive: Path, tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    settings = changed(settings, "verdict", tumor_above=0.0, notumor_below=0.0, min_confidence=0.0)
    outcome = scan([archive], out=out, settings=settings, log_format="json")
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (summary,) = [line for line in found if line.get("summary") == "scan"]
    assert (summary["exit_code"], summary["slices"]) == (0, 12)
    assert summary["studies"] == {"classified": 2, "skipped": 1}
    assert Path(summary["paths"]["studies.csv"]).is_file()
    suspicious = [line for line in found if line.get("table") == "Most suspicious studies"]
    ranked = [(-float(line["p_tumor"]), line["study_uid"]) for line in suspicious]
    assert ranked == sorted(ranked)
    assert len(suspicious) == len(outcome.totals.suspicious)


def test_at_most_ten_studies_are_the_most_suspicious() -> None:
    from batchmri.outputs.rows import study_export
    from batchmri.pipeline.totals import Totals
    from batchmri.settings import ReportSettings
    from tests.outputs.records import CLASSES, KEY, VERDICT, classified

    totals = Totals()
    for number in range(12):
        p = 0.5 + number / 100
        verdict = {KEY: type(VERDICT)(**{**_fields(VERDICT), "probabilities": (p, 1 - p)})}
        totals.add(
            study_export(f"1.{number}", [classified()], verdict, KEY, CLASSES, ReportSettings())
        )
    assert [one[1] for one in totals.suspicious] == [round(0.61 - n / 100, 2) for n in range(10)]
    assert Totals.from_json(totals.to_json()).suspicious[0][2] == "1.11"


def _fields(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}  # type: ignore[attr-defined]
