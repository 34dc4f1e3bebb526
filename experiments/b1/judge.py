"""Print a table that compares models on data that they were not trained on.

    python -m experiments.b1.judge SHARED_DATA TABLE.csv WORK MODEL... [--final] [--no-headers]

One column per model (.safetensors). `--final` adds the rows on which no choice may depend. With
`--no-headers`, headers state neither sequence nor contrast. WORK stores
prepared images and network outputs. Verdicts are those of `batchmri scan`, by the rules in the card
of the model, including the out-of-distribution check. Intervals are exact, 95%, and count every
case as independent.
"""

import argparse
from collections import defaultdict
from pathlib import Path

from batchmri.model.checkpoint import load_checkpoint
from experiments.b1.cases import FINAL, Case, all_cases
from experiments.b1.judge_rows import rows_of_table
from experiments.b1.outputs import network_outputs
from experiments.b1.verdicts import CaseVerdict, Rules, verdicts_of


def compare(columns: dict[str, list[CaseVerdict]], final: bool) -> list[list[str]]:
    """Return the rows of the table: a title, then one value per model."""
    table = []
    for row in rows_of_table(final):
        chosen = [[one for one in found if row.wanted(one.case)] for found in columns.values()]
        table.append([row.what, *(row.value(found) if found else "-" for found in chosen)])
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared_data", type=Path)
    parser.add_argument("table", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--final", action="store_true")
    parser.add_argument("--no-headers", action="store_true")
    given = parser.parse_args()
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in all_cases(given.shared_data, given.table, given.final):
        groups["final" if case.group in FINAL else "dev"].append(case)
    columns: dict[str, list[CaseVerdict]] = {}
    for model in given.models:
        _, card, domain = load_checkpoint(model)
        rules = Rules.of(card, domain, header=not given.no_headers)
        columns[str(model)] = [
            one
            for name, cases in groups.items()
            for one in verdicts_of(network_outputs(cases, model, given.work, name), rules)
        ]
    print(f"| what | {' | '.join(columns)} |")
    print("|---" * (1 + len(columns)) + "|")
    for row in compare(columns, given.final):
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
