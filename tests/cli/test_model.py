import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from batchmri.cli import cli
from batchmri.errors import ModelError
from batchmri.model.card import SHIPPED
from batchmri.model.verify import Check


def test_show_prints_the_card_of_the_shipped_model() -> None:
    shown = CliRunner().invoke(cli, ["model", "show"]).output
    assert "Not a medical device" in shown
    assert "glioma, meningioma, notumor, pituitary (notumor means no tumor)" in shown
    assert "metrics: test" in shown and "TCGA-LGG" in shown
    commands = shown.partition("\ncommands (complete with --json)\n")[2].splitlines()
    assert len(commands) > 3 and max(map(len, commands)) <= 80 and commands[4].endswith(" …")
    stored = CliRunner().invoke(cli, ["model", "show", str(SHIPPED), "--json"]).output
    assert json.loads(stored)["no_tumor_class"] == "notumor"


def test_show_of_a_missing_model_is_a_usage_error(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["model", "show", str(tmp_path / "own.safetensors")])
    assert isinstance(done.exception, ModelError)


def test_verify_checks_the_shipped_model_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Path] = []

    def verify(path: Path, _: object) -> list[Check]:
        checked.append(path)
        return [Check("card", True, "found")]

    monkeypatch.setattr("batchmri.model.verify.verify_model", verify)
    done = CliRunner().invoke(cli, ["model", "verify"])
    assert (done.exit_code, done.output.split()) == (0, ["ok", "card", "found"])
    assert checked == [SHIPPED]


@pytest.mark.parametrize(("changed", "code"), [(False, 0), (True, 2)])
def test_verify_ends_with_0_or_2(tmp_path: Path, changed: bool, code: int) -> None:
    for suffix in (".safetensors", ".json"):
        shutil.copy(SHIPPED.with_suffix(suffix), tmp_path)
    model = tmp_path / SHIPPED.name
    if changed:
        model.write_bytes(model.read_bytes()[:-1] + b"x")
    done = CliRunner().invoke(cli, ["model", "verify", str(model)])
    assert done.exit_code == code
    assert [line.split()[0] for line in done.output.splitlines()].count("WRONG") == changed
