"""`batchmri config show` prints the effective settings of a scan."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from batchmri.cli import cli
from batchmri.cli.options import SettingFlag
from batchmri.cli.scan import command as scan_command
from batchmri.errors import SettingsError
from batchmri.pipeline.commands.reclassify import reclassify
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from batchmri.settings.flag_names import flag_name
from tests.pipeline.builders import changed, write_series
from tests.pipeline.conftest import compiled_once, random_model, settings  # noqa: F401
from tests.pipeline.outputs import contents


def shown(*arguments: str) -> dict[str, dict[str, object]]:
    done = CliRunner().invoke(cli, ["config", "show", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return yaml.safe_load(done.output)


def with_rules(model: Path, folder: Path, **rules: object) -> Path:
    """A copy of a model with verdict rules in its card."""
    copy = folder / "own.safetensors"
    copy.write_bytes(model.read_bytes())
    card = json.loads(model.with_suffix(".json").read_text())
    copy.with_suffix(".json").write_text(json.dumps(card | {"verdict": rules}))
    return copy


def test_the_rules_of_the_card_are_shown() -> None:
    rules = shown()["verdict"]
    assert (rules["notumor_below"], rules["tumor_above"]) == (0.38, 0.584)
    assert shown("--tumor-above", "0.7")["verdict"]["tumor_above"] == 0.7


def test_flags_environment_and_file_precede_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("verdict:\n  notumor_below: 0.1\n  tumor_above: 0.8\n  top_slices: 4\n")
    monkeypatch.setenv("BATCHMRI_VERDICT__TUMOR_ABOVE", "0.9")
    rules = shown("--config", str(config), "--top-slices", "6")["verdict"]
    assert (rules["notumor_below"], rules["tumor_above"], rules["top_slices"]) == (0.1, 0.9, 6)


def test_a_contradiction_with_the_card_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"model card: verdict.notumor_below is 0.38"):
        shown("--tumor-above", "0.2")


@pytest.mark.slow
def test_a_scan_with_the_shown_file_is_the_same_scan(
    tmp_path: Path,
    random_model: Path,  # noqa: F811
    settings: Settings,  # noqa: F811
) -> None:
    write_series(tmp_path / "archive")
    model = with_rules(random_model, tmp_path, tumor_above=0.99, notumor_below=0.0, top_slices=2)
    settings = changed(settings, "classifier", model=model, batch_size=8, device="cpu")
    scan([tmp_path / "archive"], out=tmp_path / "one", settings=settings)

    config = tmp_path / "shown.yaml"
    config.write_text(yaml.safe_dump(shown("--model", str(model), "--device", "cpu")))
    printed = Settings.load(config)
    assert printed.verdict.tumor_above == 0.99
    printed = changed(printed, "classifier", batch_size=8)
    printed = printed.model_copy(update={"report": settings.report})
    scan([tmp_path / "archive"], out=tmp_path / "two", settings=printed)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    reclassify(tmp_path / "two", settings=printed)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


def test_every_verdict_rule_is_a_flag_and_help_is_grouped() -> None:
    for command in ("scan", "verdict"):
        text = CliRunner().invoke(cli, [command, "--help"]).output
        assert "Verdict rules (default: those of the model card):" in text
        for key in Settings().verdict.model_dump():
            assert f"--{key.replace('_', '-')} " in text


def test_messages_know_the_flag_of_every_setting() -> None:
    flags = {
        parameter.setting: parameter.opts[0]
        for parameter in scan_command.params
        if isinstance(parameter, SettingFlag)
    }
    names = [
        f"{section}.{key}" for section, values in Settings().model_dump().items() for key in values
    ]
    assert {name: flag_name(name) for name in names} == {n: flags.get(n, n) for n in names}
