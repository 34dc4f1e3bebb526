"""Old names of commands, flags, settings and card keys keep working."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from batchmri.cli import cli
from batchmri.model.card import Card
from batchmri.records import DomainScores, Scores
from batchmri.settings import Settings
from batchmri.training.settings import TrainSettings

Capture = pytest.CaptureFixture[str]


def test_the_old_section_of_a_config_file_is_read_with_one_warning(
    tmp_path: Path, capsys: Capture
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("night:\n  max_failures: 5\n  settle: 10m\n")
    settings = Settings.load(config)
    assert settings.schedule.max_failures == "5"
    assert settings.name("schedule.settle") == f"config file {config}: schedule.settle"
    assert capsys.readouterr().err == (
        f"warning: config file {config}: night is now schedule; "
        "the old name will stop working in the next release\n"
    )


def test_an_old_variable_is_read_and_a_current_one_takes_precedence(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("BATCHMRI_SCHEDULE__SETTLE", "2h")
    monkeypatch.setenv("BATCHMRI_NIGHT__SETTLE", "1h")
    monkeypatch.setenv("BATCHMRI_NIGHT__MAX_FAILURES", "7")
    settings = Settings.load()
    assert settings.schedule.settle.total_seconds() == 7200
    assert settings.schedule.max_failures == "7"
    warned = capsys.readouterr().err
    assert "BATCHMRI_NIGHT__MAX_FAILURES is now BATCHMRI_SCHEDULE__MAX_FAILURES" in warned
    assert len(warned.splitlines()) == 2


def test_the_old_section_is_accepted_from_python() -> None:
    assert Settings.load(night={"max_failures": 5}).schedule.max_failures == "5"


def test_old_training_settings_are_read_and_converted(tmp_path: Path, capsys: Capture) -> None:
    config = tmp_path / "t.yaml"
    config.write_text(
        "averaging: 0.02\ndraws: 9\nshares: {a: {b: 1}}\nfalse_alarms: 0.2\nmissed: 0.3\n"
        "left_out: [heads]\n"
    )
    settings = TrainSettings.load(config)
    assert settings.ema_decay == 0.98  # the step of the average was 1 - decay
    assert (settings.samples_per_epoch, settings.sampling_weights) == (9, {"a": {"b": 1.0}})
    assert (settings.target_fpr, settings.target_fnr) == (0.2, 0.3)
    assert settings.held_out == ("heads",)
    assert len(capsys.readouterr().err.splitlines()) == 6


def test_old_keys_of_cards_and_results_are_read(capsys: Capture) -> None:
    card = Card.model_validate(
        {
            "classes": ["a", "b"],
            "no_tumor_class": "b",
            "preparation": {},
            "licence": "CC0",
            "field": "heads",
            "figures": {"test": {"n": 3}},
            "sources": [{"name": "x", "licence": "MIT"}],
        }
    )
    assert (card.license, card.domain, card.sources[0].license) == ("CC0", "heads", "MIT")
    assert card.metrics == {"test": {"n": 3}}
    document = (
        '{"ref": {"source": "", "path": "", "instance_uid": "", "frame": 1, "index": 0, '
        '"position_mm": null}, "probabilities": [1.0], "box": {"x": 0, "y": 0, "width": 1, '
        '"height": 1}, "look": {"distance": 2.0, "t1": 0.5, "contrast": 0.25}}'
    )
    scores = TypeAdapter(Scores).validate_json(document)
    assert scores.domain == DomainScores(2.0, 0.5, 0.25)
    assert b'"domain":{"ood_score":2.0' in TypeAdapter(Scores).dump_json(scores)
    assert capsys.readouterr().err == ""


def test_old_commands_and_flags_are_replaced(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        cli.main(["verdict", "--help"], prog_name="batchmri")
    with pytest.raises(SystemExit):
        cli.main(["evaluate", "--randomised", "--help"], prog_name="batchmri")
    captured = capsys.readouterr()
    assert "Usage: batchmri reclassify" in captured.out
    assert "batchmri verdict is now batchmri reclassify" in captured.err
    assert "--randomised is now --randomized" in captured.err
