"""Reading an output folder in tests."""

import csv
import json
from pathlib import Path

SAME_EVERY_TIME = ("studies.csv", "series.csv", "slices.csv", "files.csv")


def table(output: Path, name: str) -> list[dict[str, str]]:
    with (output / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(output: Path) -> dict[str, bytes]:
    """The bytes of all tables, pictures and pages that must be reproducible."""
    folders = ("gradcam", "report/studies", "report/data", "report/assets")
    files = sorted(p for name in folders for p in (output / name).rglob("*") if p.is_file())
    paths = [output / name for name in SAME_EVERY_TIME] + files
    return {str(path.relative_to(output)): path.read_bytes() for path in paths}


def assert_every_file_accounted_for(output: Path, n_files: int) -> None:
    """Assert that every file found is counted once: in a series or in no series."""
    in_series = sum(int(row["n_files"]) for row in table(output, "series"))
    alone = sum(not row["study_uid"] for row in table(output, "files"))
    assert in_series + alone == n_files
    assert json.loads((output / "run.json").read_text())["counts"]["files"] == n_files
