import io
import json
import logging
import re
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console as RichConsole

from batchmri.outputs.console import Console
from batchmri.outputs.inventory import Inventory
from batchmri.outputs.progress import Lines, Stage
from batchmri.outputs.summary import print_inventory, print_summary
from tests.outputs.records import HOSTILE
from tests.outputs.test_inventory import inventory

Capture = pytest.CaptureFixture[str]


def test_plain_lines_are_logged_at_begin_and_end(capsys: Capture) -> None:
    with Console("plain").stage("reading headers") as stage:
        assert list(stage.count(range(3))) == [0, 1, 2]
    out, err = capsys.readouterr()
    first, last = err.splitlines()
    assert out == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d reading headers", first)
    assert "done=3" in last
    assert "finished=True" in last


def test_json_lines_are_json_and_contain_the_run(capsys: Capture) -> None:
    console = Console("json", "run1")
    console.warn("odd", source=HOSTILE, path=Path("/x"), nothing=None)
    console.table("t", ("value", "n"), [(HOSTILE, 1)])
    out, err = capsys.readouterr()
    event = json.loads(err)
    assert (event["run"], event["level"], event["event"]) == ("run1", "warning", "odd")
    assert event["source"] == HOSTILE
    assert "nothing" not in event
    assert json.loads(out) == {"table": "t", "value": HOSTILE, "n": 1}
    assert "\x1b" not in out + err


def test_external_text_becomes_no_markup_and_no_escape(capsys: Capture) -> None:
    console = Console("plain")
    console.say(HOSTILE)
    console.table("t", ("value", "n"), [("[red]x[/red]\x1b[2J", 1)])
    console.log("met", source=HOSTILE)
    out, err = capsys.readouterr()
    assert "[red]x[/red]" in out
    assert "[bold]" in out
    assert "[bold]" in err
    assert "\x1b" not in out + err
    assert len(err.splitlines()) == 1


def test_a_terminal_gets_a_bar_on_stderr_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    console = Console("auto")
    screen = io.StringIO()
    console._err = RichConsole(file=screen, force_terminal=True, width=120)
    console._bars = True
    with console.stage("classifying [red]series", 4) as stage:
        list(stage.count(range(4)))
    assert "4/4" in screen.getvalue()
    assert "[red]series" in screen.getvalue()
    assert "/s" not in screen.getvalue(), "a rate of less than a second"
    assert screen.getvalue().endswith("\x1b[2K"), "the bar is erased"
    assert capsys.readouterr().out == ""


def test_plain_format_on_a_terminal_has_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert not Console("plain")._bars


def test_lines_come_every_ten_seconds_with_rate_and_time_left() -> None:
    logged: list[dict[str, object]] = []
    clock = SimpleNamespace(now=0.0)
    lines = Lines(lambda what, **facts: logged.append(facts), "x", 100, lambda: clock.now)
    stage = Stage(lines)
    for _ in range(50):
        clock.now += 1
        stage.advance()
    assert [facts["done"] for facts in logged] == [10, 20, 30, 40, 50]
    assert logged[0]["per_second"] == 1.0
    assert logged[0]["seconds_left"] == 90


def test_lines_are_less_frequent_in_a_long_run() -> None:
    logged: list[object] = []
    clock = SimpleNamespace(now=0.0)
    lines = Lines(lambda *_, **facts: logged.append(facts), "x", None, lambda: clock.now)
    stage = Stage(lines)
    for _ in range(24 * 360):
        clock.now += 10
        stage.advance()
    assert len(logged) < 200


def counted() -> SimpleNamespace:
    return SimpleNamespace(
        studies=Counter(classified=2, failed=1),
        series=Counter(classified=3, skipped=4, failed=1),
        verdicts=Counter(glioma=1, notumor=1),
        changes=Counter(new=3),
        series_reasons=Counter(localizer=4, truncated=1),
        file_reasons=Counter(not_an_image=7),
        suspicious=[("glioma", 0.99, "1.2.3", "archive/a")],
        slices=72,
        first=False,
    )


def test_the_summary_is_written_to_stdout(capsys: Capture) -> None:
    print_summary(Console("plain"), counted(), Path("/out"))
    out, err = capsys.readouterr()
    for words in (
        "localizer",
        "not_an_image",
        "glioma",
        "0.9900",
        "archive/a",
        "72 classified slices",
        "/out",
    ):
        assert words in out
    assert "Research use only" in out
    assert err == ""
    assert re.search(r"series\s*\S\s*3\s*\S\s*4\s*\S\s*1", out)


def test_a_first_run_has_no_changes_and_a_small_scan_no_minutes(capsys: Capture) -> None:
    first = counted()
    first.first = True
    print_summary(Console("plain"), first, Path("/out"))
    assert "Since the last run" not in capsys.readouterr().out
    print_summary(Console("plain"), counted(), Path("/out"))
    out = capsys.readouterr().out
    assert "Since the last run" in out and "No study has changed" not in out
    print_inventory(Console("plain"), inventory(), cores=2)
    assert "roughly a minute or less on 2 cores" in " ".join(capsys.readouterr().out.split())


def test_a_run_without_anything_new_says_so(capsys: Capture) -> None:
    repeated = counted()
    repeated.changes.clear()
    print_summary(Console("plain"), repeated, Path("/out"))
    assert "No study has changed since the last run." in capsys.readouterr().out


def test_nothing_is_estimated_if_there_is_nothing_to_do(capsys: Capture) -> None:
    print_inventory(Console("plain"), Inventory(files=3), cores=2)
    out = capsys.readouterr().out
    assert out.endswith("A scan would classify no series.\n") and "roughly" not in out


def test_lines_keep_their_indentation_and_lose_control_characters(capsys: Capture) -> None:
    Console("plain").say("    a\x1bb ")
    assert capsys.readouterr().out == "    a b\n"


def test_no_rate_before_the_first_second(capsys: Capture) -> None:
    with Console("plain").stage("walking folders") as stage:
        stage.advance(50_000)
    assert "per_second" not in capsys.readouterr().err


def test_the_inventory_is_written_to_stdout(capsys: Capture) -> None:
    print_inventory(Console("plain"), inventory(), cores=2)
    out, _ = capsys.readouterr()
    for words in ("classify", "localizer", "[b]Maker", "ExplicitVRLittleEndian", "2 series"):
        assert words in out
    assert "\x1b" not in out


def test_an_embedding_program_gets_the_records_instead_of_stderr(capsys: Capture) -> None:
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("batchmri")
    own = list(logger.handlers)
    try:
        logger.handlers[:] = [handler]
        Console("json", "run1").warn("odd: 100%", source="a", nothing=None)
    finally:
        logger.handlers[:] = own
    (record,) = records
    assert (record.getMessage(), record.levelname) == ("odd: 100%", "WARNING")
    assert (record.facts, record.run) == ({"source": "a"}, "run1")  # type: ignore[attr-defined]
    assert capsys.readouterr().err == ""


def test_loggers_of_modules_share_the_format_and_are_not_doubled(capsys: Capture) -> None:
    Console("plain")
    Console("json")
    logging.getLogger("batchmri.training.folders").warning("%d files", 3)
    event = json.loads(capsys.readouterr().err)
    assert (event["level"], event["event"]) == ("warning", "3 files")
