"""Train the shipped model from ImageNet weights, in stages.

    python -m experiments.b1.recipe SHARED_DATA OUT [--until STAGE] [--trial]

Every stage runs once: OUT/stages/STAGE is written when it is complete, and an interrupted training
continues after its last epoch. `--trial` checks the recipe in minutes on 20 steps of small images;
its model is useless. README.md in this folder describes how the shipped weights were made.
"""

import argparse
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_HERE = Path(__file__).parent
_ROOT = _HERE.parent.parent
_TRIAL: dict[str, Any] = {"epochs": 1, "samples_per_epoch": 80, "batch_size": 4}
_TRIAL_SIZE = 64
_CONFIGS = ("base", "tune")
_TABLE = "posterior/table.csv"


@dataclass(frozen=True)
class Stage:
    """A command that is run in OUT; its output goes to the file `stdout`."""

    name: str
    command: tuple[str, ...]
    stdout: str = ""


def stages(shared_data: Path) -> list[Stage]:
    """Return the stages in their order."""
    data = str(shared_data.resolve())

    def script(name: str) -> tuple[str, ...]:
        return (sys.executable, "-m", f"experiments.b1.{name}")

    program = (sys.executable, "-m", "batchmri")
    counterfactual = ("data", "counterfactual", "table.csv", "--out", "posterior",
                      "--place", "infratentorial")  # fmt: skip
    trainings = [
        Stage(name, (*program, "train", _TABLE, "--out", name, "--config", f"recipe-{name}.yaml"))
        for name in _CONFIGS
    ]
    model, trained = "batchmri-b1.safetensors", "tune/model.safetensors"
    return [
        Stage("sources", (*script("sources"), data, "sources/table.csv")),
        Stage("stripped", (*script("strip"), data, "stripped")),
        Stage("table", (*script("table"), data, "sources/table.csv", "table.csv", "stripped")),
        Stage("posterior", (*program, *counterfactual)),
        *trainings,
        Stage("calibrate", (*script("calibrate"), data, _TABLE, "work", trained, model),
              "calibration.txt"),
        Stage("judge", (*script("judge"), data, _TABLE, "work", model), "dev.md"),
    ]  # fmt: skip


def write_configs(out: Path, trial: bool) -> None:
    """Copy the configurations of the trainings to OUT, with few steps for a trial."""
    for name in _CONFIGS:
        file = f"recipe-{name}.yaml"
        settings = yaml.safe_load((_HERE / file).read_text(encoding="utf-8"))
        if trial:
            settings |= _TRIAL
            settings["preparation"] = {"size": _TRIAL_SIZE}
        content = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
        (out / file).write_text(content, encoding="utf-8")


def run(planned: Sequence[Stage], out: Path, until: str | None = None) -> None:
    """Run the stages that are not complete. Raises CalledProcessError if one fails."""
    (out / "stages").mkdir(parents=True, exist_ok=True)
    for stage in planned:
        done = out / "stages" / stage.name
        if done.exists():
            print(f"{stage.name}: complete")
        else:
            _run(stage, out)
            done.touch()
        if stage.name == until:
            return


def _run(stage: Stage, out: Path) -> None:
    command = list(stage.command)
    if (out / stage.name / "last.pt").exists():
        command.append("--resume")
    print(f"{stage.name}: {shlex.join(command)}", flush=True)
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    if not stage.stdout:
        subprocess.run(command, cwd=out, env=environment, check=True)
        return
    partial = out / f"{stage.stdout}.tmp"
    with partial.open("w", encoding="utf-8") as handle:
        subprocess.run(command, cwd=out, env=environment, check=True, stdout=handle)
    partial.replace(out / stage.stdout)


def main() -> None:
    """Run the recipe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared_data", type=Path)
    parser.add_argument("out", type=Path)
    names = [stage.name for stage in stages(Path())]
    parser.add_argument("--until", choices=names, help="the last stage to run")
    parser.add_argument("--trial", action="store_true", help="20 steps per training, small images")
    given = parser.parse_args()
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    write_configs(out, given.trial)
    try:
        run(stages(given.shared_data), out, given.until)
    except subprocess.CalledProcessError as error:
        raise SystemExit(
            f"{shlex.join(error.cmd)} failed with exit code {error.returncode}; "
            "run the recipe again to continue from there"
        ) from None


if __name__ == "__main__":
    main()
