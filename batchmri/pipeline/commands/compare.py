"""`batchmri compare`: studies whose verdicts differ between two outputs."""

import csv
from dataclasses import dataclass
from pathlib import Path

from batchmri.errors import UsageError
from batchmri.outputs.schema import Column
from batchmri.outputs.tables.csv import write_table

COLUMNS = (
    Column("study_uid", "StudyInstanceUID, or its replacement UID."),
    Column("source", "Root label and path below it."),
    Column("verdict_1", "Verdict in the first output; empty if it has none."),
    Column("p_tumor_1", "Probability of a tumor in the first output."),
    Column("verdict_2", "Verdict in the second output; empty if it has none."),
    Column("p_tumor_2", "Probability of a tumor in the second output."),
    Column("only_in", "1 or 2 if the study is only in this output; empty if it is in both."),
)
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The studies whose verdicts differ or that are in only one output, and the number of others.

    `rows` contains the studies of both outputs whose verdicts differ.
    """

    rows: tuple[Row, ...]
    only_first: tuple[Row, ...]
    only_second: tuple[Row, ...]
    n_equal: int


def compare(first: str | Path, second: str | Path, *, table: Path | None = None) -> Comparison:
    """Compare the studies.csv of two outputs, and write the differences to `table` (CSV).

    The table also contains the studies that are in only one output. Raises UsageError if an output
    has no studies.csv, and OutputError if the table cannot be written.
    """
    one, two = _studies(Path(first)), _studies(Path(second))
    rows: list[Row] = []
    every = sorted(one.keys() | two.keys())
    for uid in every:
        before, after = one.get(uid, {}), two.get(uid, {})
        pair = before.get("verdict", ""), after.get("verdict", "")
        if pair[0] != pair[1] or not before or not after:
            rows.append(
                {
                    "study_uid": uid,
                    "source": (after or before)["source"],
                    "verdict_1": pair[0],
                    "p_tumor_1": before.get("p_tumor", ""),
                    "verdict_2": pair[1],
                    "p_tumor_2": after.get("p_tumor", ""),
                    "only_in": "" if before and after else "1" if before else "2",
                }
            )
    if table is not None:
        write_table(table, COLUMNS, rows)
    both, first_only, second_only = (
        tuple(row for row in rows if row["only_in"] == where) for where in ("", "1", "2")
    )
    return Comparison(both, first_only, second_only, len(every) - len(rows))


def _studies(output: Path) -> dict[str, dict[str, str]]:
    path = output / "studies.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["study_uid"]: row for row in csv.DictReader(file)}
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}); name the output of a scan"
        ) from None
    except (KeyError, UnicodeDecodeError, csv.Error):
        raise UsageError(f"{path}: not a table of batchmri") from None
