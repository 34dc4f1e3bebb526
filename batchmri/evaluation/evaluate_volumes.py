"""Evaluate a scan of labeled volumes (`batchmri evaluate --labels`)."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from batchmri.evaluation.image_tables import Lookup
from batchmri.evaluation.intervals import RESAMPLES, Measure
from batchmri.evaluation.output import TextTable, cell, show, write_metrics
from batchmri.evaluation.volume_join import (
    STRATA,
    Case,
    ScanTables,
    patient_cases,
    series_cases,
    slice_cases,
)
from batchmri.evaluation.volume_labels import VolumeLabel
from batchmri.evaluation.volume_plots import verdict_counts, verdicts_of, write_volume_plots
from batchmri.evaluation.volume_scores import SHARES, SLICE_SHARES, case_measures, slice_measures
from batchmri.evaluation.volume_sheet import ReadSlices, write_volume_mistakes
from batchmri.model.card import Card
from batchmri.outputs.console import Console
from batchmri.outputs.formatting import probability
from batchmri.outputs.schema import Column
from batchmri.outputs.tables.csv import write_table

_SCAN_KEYS = ("source", "study_uid", "series_uid", "series_part")
_CASE_COLUMNS = (
    Column("label", "True class."),
    Column("patient", "As in the table of labels; the study if that names no patient."),
    Column("origin", "The column source of the table of labels."),
    Column("verdict", "A class, tumor or indeterminate; empty if nothing was classified."),
    Column("p_tumor", "Calibrated probability of a tumor of any class.", "number"),
    Column("reason", "Why nothing was classified: a code of docs/reasons.md, or not_found."),
    Column("correct", "1 if the verdict is the label.", "integer"),
)


def evaluate_volumes(
    data: Path,
    labels: Sequence[VolumeLabel],
    scanned: Path,
    card: Card,
    out: Path,
    console: Console,
    read: ReadSlices,
    resamples: int = RESAMPLES,
) -> list[Measure]:
    """Compare the scan of `data` in the folder `scanned` with labels; return the metrics.

    The results are written to `out`. `read` returns slices of the scan for the contact sheet of
    mistakes. Raises OutputError if `out` cannot be written.
    """
    tables = ScanTables(scanned, data, card.no_tumor_class)
    series = series_cases(tables, labels)
    patients = patient_cases(tables, series)
    slices = slice_cases(tables, labels)
    measures = [
        *case_measures("series", series, card.no_tumor_class, resamples),
        *case_measures("patients", patients, card.no_tumor_class, resamples),
        *(slice_measures(slices, card.no_tumor_class) if slices else ()),
    ]
    unclassified = Counter(case.reason for case in series if case.tumor is None)
    notes = [
        f"{data}: {len(labels)} labels, {len(series)} series, {len(patients)} patients, "
        f"{len(slices)} labeled slices; model {card.weights_digest[:12]}",
        "intervals: 95%, Wilson intervals of fractions for the number of patients, ROC AUC from "
        f"{resamples} resamples of patients",
        "a series without a verdict counts as not detected; there is no leak check for volumes",
        *(f"{n} labels without a classified series: {why}" for why, n in unclassified.items()),
    ]
    text_tables = _text_tables(measures, series, patients, card)
    metadata = {
        "data": str(data),
        "model_digest": card.weights_digest,
        "classes": list(card.classes),
        "no_tumor_class": card.no_tumor_class,
    }
    write_metrics(out, metadata, measures, notes, text_tables)
    _write_cases(out / "predictions.csv", series, (*_SCAN_KEYS, *STRATA))
    _write_cases(out / "patients.csv", patients, ("study_uid",))
    write_volume_plots(series, patients, card.classes, card.no_tumor_class, out)
    with console.stage("drawing mistakes"):
        write_volume_mistakes(series, card.no_tumor_class, read, out)
    show(console, notes, text_tables)
    return measures


def _text_tables(
    measures: Sequence[Measure], series: Sequence[Case], patients: Sequence[Case], card: Card
) -> list[TextTable]:
    text_tables = [
        _metrics_table(measures, "series", (*SHARES, "roc_auc")),
        _verdict_table("series: verdicts", series, card.classes),
        _metrics_table(measures, "patients", (*SHARES, "roc_auc")),
        _verdict_table("patients: verdicts", patients, card.classes),
    ]
    slices = _metrics_table(measures, "slices", SLICE_SHARES)
    return [*text_tables, slices] if slices.rows else text_tables


def _metrics_table(measures: Sequence[Measure], subset: str, metrics: Sequence[str]) -> TextTable:
    """Return a table with a row for all cases and one per stratum; each value with its n."""
    find = Lookup(measures)
    strata = dict.fromkeys(one.of for one in measures if one.subset == subset)
    rows = []
    for of in strata:
        found = [find(subset, metric, of) for metric in metrics]
        cells = [f"{cell(one)} n={one.n}" if one and one.n else "–" for one in found]
        rows.append((of or "all", *cells))
    return TextTable(subset, ("of", *(m.replace("_", " ") for m in metrics)), rows)


def _verdict_table(title: str, cases: Sequence[Case], classes: Sequence[str]) -> TextTable:
    true, counts = verdict_counts(cases, classes)
    rows = [(label, *map(str, row)) for label, row in zip(true, counts.tolist(), strict=True)]
    return TextTable(title, ("true", *verdicts_of(classes)), rows)


def _write_cases(path: Path, cases: Sequence[Case], scan_columns: Sequence[str]) -> None:
    columns = (
        *(Column(name, "As in the tables of the scan.") for name in scan_columns),
        *_CASE_COLUMNS,
    )
    write_table(
        path,
        columns,
        (
            {
                **{name: case.record.get(name) for name in scan_columns},
                "label": case.label,
                "patient": case.patient.rpartition("\0")[2],
                "origin": case.source,
                "verdict": case.verdict,
                "p_tumor": None if case.tumor is None else probability(case.tumor),
                "reason": case.reason,
                "correct": int(case.verdict == case.label),
            }
            for case in cases
        ),
    )
