"""Tables of an image evaluation: metrics of all subsets side by side, and predictions.csv."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from batchmri.evaluation.inference import RowPredictions
from batchmri.evaluation.intervals import Measure
from batchmri.evaluation.output import Cells, TextTable, cell
from batchmri.evaluation.scores import AVERAGES, TABLE, TUMOR
from batchmri.outputs.formatting import probabilities
from batchmri.outputs.schema import Column
from batchmri.outputs.tables.csv import write_table

_OVERALL = {
    "accuracy": "accuracy",
    "brier": "Brier score (0 to 2)",
    "ece": "calibration error, 15 bins",
    "ece_if_perfect": "– if perfectly calibrated, mean",
    "ece_if_perfect_95th": "– if perfectly calibrated, 95th percentile",
    "aurc": "area under the risk-coverage curve",
    "risk_at_50_coverage": "errors among the most confident 50%",
    "risk_at_80_coverage": "– 80%",
    "risk_at_90_coverage": "– 90%",
    "risk_at_95_coverage": "– 95%",
    "randomized_rank_correlation": "rank correlation of maps with a random last layer",
}
_LOCALIZATION = ("pointing", "pointing_of_middle", "heat_share", "heat_share_of_gaussian")
_RANKING = ("roc_auc", "average_precision")


class Lookup:
    """Measures by subset, metric and class or stratum."""

    def __init__(self, measures: Iterable[Measure]) -> None:
        self._found = {(one.subset, one.metric, one.of): one for one in measures}

    def __call__(self, subset: str, metric: str, of: str = "") -> Measure | None:
        """Return the measure; None if it was not computed."""
        return self._found.get((subset, metric, of))


def image_tables(
    measures: Sequence[Measure], subsets: Sequence[str], classes: Sequence[str]
) -> list[TextTable]:
    """Return a table of class metrics per subset, then tables with the subsets side by side."""
    find = Lookup(measures)
    tables = [_class_table(find, subset, classes) for subset in subsets]
    tables.append(
        TextTable(
            "All classes",
            ("figure", *subsets),
            _without_empty_rows(
                (name, *(cell(find(subset, metric)) for subset in subsets))
                for metric, name in _OVERALL.items()
            ),
        )
    )
    tables.append(
        TextTable(
            "Reported as a tumor of any class",
            ("class", *subsets),
            [(name, *(cell(find(s, TUMOR, name)) for s in subsets)) for name in classes],
        )
    )
    tables.append(
        TextTable(
            "Each class against the others",
            ("class", *(f"{s}, {m.replace('_', ' ')}" for s in subsets for m in _RANKING)),
            [(n, *(cell(find(s, m, n)) for s in subsets for m in _RANKING)) for n in classes],
        )
    )
    return tables + [_localization_table(find, s, classes) for s in subsets if find(s, "pointing")]


def _class_table(find: Lookup, subset: str, classes: Sequence[str]) -> TextTable:
    rows: list[Cells] = []
    for name in (*classes, *AVERAGES):
        support = find(subset, "recall", name)
        n = str(support.n) if support else ""
        rows.append((name, *(cell(find(subset, metric, name)) for metric in TABLE), n))
    accuracy = find(subset, "accuracy")
    rows.append(("accuracy", "", "", cell(accuracy), str(accuracy.n) if accuracy else ""))
    return TextTable(subset, ("class", *TABLE, "support"), rows)


def _localization_table(find: Lookup, subset: str, classes: Sequence[str]) -> TextTable:
    rows = []
    for of in (*classes, ""):
        first = find(subset, _LOCALIZATION[0], of)
        if first is not None:
            rows.append(
                (of or "all", *(cell(find(subset, m, of)) for m in _LOCALIZATION), str(first.n))
            )
    head = (
        "class",
        "pointing",
        "– of the image center",
        "heat in mask",
        "– of a centered Gaussian",
        "n",
    )
    return TextTable(f"{subset}: localization, true class", head, rows)


def _without_empty_rows(rows: Iterable[Cells]) -> list[Cells]:
    """Return the rows that contain at least one value."""
    return [row for row in rows if any(value != "–" for value in row[1:])]


def write_predictions(
    path: Path, predictions: RowPredictions, data: Path, leak_free: Iterable[int]
) -> None:
    """Write predictions.csv: one row per image, with file paths relative to DATA."""
    base = data if data.is_dir() else data.parent
    leak_free_rows = set(leak_free)
    columns = (
        Column("file", "Path relative to DATA, or to its table."),
        Column("slice", "Index of the slice if the file is a volume.", "integer"),
        Column("plane", "Plane of that slice."),
        Column("source", "As in the table."),
        Column("label", "True class."),
        Column("predicted", "The leading class."),
        *(
            Column(f"p_{name}", f"Calibrated probability of {name}.", "number")
            for name in predictions.classes
        ),
        Column("correct", "1 if the prediction is the label.", "integer"),
        Column("leak_free", "1 if the row is leak-free.", "integer"),
    )
    predicted = predictions.predicted
    rows = (
        {
            "file": os.path.relpath(row.file, base),
            "slice": row.slice,
            "plane": row.plane,
            "source": row.source,
            "label": row.label,
            "predicted": predictions.classes[predicted[index]],
            **probabilities(predictions.probabilities[index].tolist(), predictions.classes),
            "correct": int(predicted[index] == predictions.labels[index]),
            "leak_free": int(index in leak_free_rows),
        }
        for index, row in enumerate(predictions.rows)
    )
    write_table(path, columns, rows)
