"""Summaries printed at the end of commands."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from batchmri.outputs.console import Console
from batchmri.outputs.html.folder import INDEX
from batchmri.outputs.inventory import SECTIONS, Inventory

_NOTE = "Research use only, not a medical device."


class Counted(Protocol):
    """The counts that `print_summary` needs."""

    studies: Counter[str]
    verdicts: Counter[str]
    changes: Counter[str]
    series: Counter[str]
    series_reasons: Counter[str]
    file_reasons: Counter[str]
    suspicious: list[tuple[str, float, str, str]]
    slices: int
    first: bool


def print_summary(
    console: Console, counted: Counted, output: Path, notices: Sequence[str] = ()
) -> None:
    """Print how many studies and series were classified, skipped or failed, and the reasons.

    `notices` are sentences about what needs attention.
    """
    statuses = ("classified", "skipped", "failed")
    console.table(
        "Results",
        ("what", *statuses),
        [
            ("studies", *(counted.studies[s] for s in statuses)),
            ("series", *(counted.series[s] for s in statuses)),
        ],
    )
    console.counts("Verdicts", counted.verdicts, "verdict", "studies")
    console.counts("Series not classified", counted.series_reasons, "reason", "series")
    console.counts("Files without a usable slice", counted.file_reasons, "reason", "files")
    if not counted.first:
        if not counted.changes:
            console.say("No study has changed since the last run.")
        console.counts("Since the last run", counted.changes, "change", "studies")
    if counted.suspicious:
        head = ("verdict", "p_tumor", "study_uid", "source")
        rows = [(name, f"{p:.4f}", *rest) for name, p, *rest in counted.suspicious]
        console.table("Most suspicious studies", head, rows)
    for notice in notices:
        console.say(notice)
    console.say(f"{counted.slices} classified slices. Tables and pictures are in {output}")
    if (report := output / INDEX).is_file():
        console.say(f"Report: {report}")
    console.say(_NOTE)


def print_inventory(
    console: Console, inventory: Inventory, cores: int, slices_per_second: float | None = None
) -> None:
    """Print the contents of an archive and what a scan would do."""
    console.say(f"{inventory.files} files, {inventory.studies} studies")
    for section in SECTIONS:
        rows = [
            (value, count, inventory.slices[section, value])
            for (name, value), count in inventory.series.most_common()
            if name == section
        ]
        console.table(section.replace("_", " "), ("value", "series", "slices"), rows)
    console.counts("Files in no series", inventory.file_reasons, "reason", "files")
    if not inventory.wanted_series:
        console.say("A scan would classify no series.")
        return
    minutes = inventory.seconds(cores, slices_per_second) / 60
    time = f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute or less"
    where = f"on {cores} cores"
    if slices_per_second is not None:
        where = f"at the {slices_per_second:.3g} slices/s of the last run"
    console.say(
        f"A scan would classify {inventory.wanted_series} series "
        f"with {inventory.wanted_slices} slices: "
        f"roughly {time} {where}, {inventory.disk_bytes / 1e6:.0f} MB of disk "
        f"and {inventory.inodes} files at most. Some label maps are recognized only when their "
        "pixels are read."
    )


def print_json_summary(
    console: Console,
    counted: Counted,
    output: Path,
    exit_code: int,
    paths: Mapping[str, Path],
    notices: Sequence[str],
) -> None:
    """With `--log-format json`, print the result of a run as one line: exit code, counts, paths."""
    console.document(
        {
            "summary": "scan",
            "exit_code": exit_code,
            "output": output,
            "paths": {name: path for name, path in paths.items() if path.exists()},
            "studies": counted.studies,
            "series": counted.series,
            "slices": counted.slices,
            "verdicts": counted.verdicts,
            "changes": counted.changes,
            "series_reasons": counted.series_reasons,
            "file_reasons": counted.file_reasons,
            "notices": list(notices),
        }
    )


class StatusView(Protocol):
    """The data that `print_status` needs."""

    @property
    def runs(self) -> list[dict[str, Any]]:
        """The last runs, newest first."""

    @property
    def series(self) -> dict[str, int]:
        """Series by status."""

    @property
    def series_reasons(self) -> dict[str, int]:
        """Series that were not classified, by reason."""

    @property
    def file_reasons(self) -> dict[str, int]:
        """Files without a classified slice, by reason."""

    @property
    def notices(self) -> list[str]:
        """Sentences of the last run about what needs attention."""


def print_status(console: Console, status: StatusView) -> None:
    """Print the last runs of an output, its series by status, and the reasons."""
    head = ("started", "seconds", "exit", "series", "new failures", "left")
    rows = [tuple(run.get(key, "") for key in _RUN_KEYS) for run in status.runs]
    console.table("Last runs", head, rows)
    console.counts("Series", status.series, "status", "series")
    console.counts("Series not classified", status.series_reasons, "reason", "series")
    console.counts("Files without a usable slice", status.file_reasons, "reason", "files")
    for notice in status.notices:
        console.say(notice)


_RUN_KEYS = ("started", "seconds", "exit_code", "series", "new_failures", "left")
