"""Evaluate a model on labeled images (`batchmri evaluate`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batchmri.evaluation.calibration import brier, calibration_scores
from batchmri.evaluation.contact_sheets import write_sheets
from batchmri.evaluation.coverage import coverage_scores
from batchmri.evaluation.groups import groups_of
from batchmri.evaluation.image_tables import image_tables, write_predictions
from batchmri.evaluation.inference import RowPredictions, predict, run
from batchmri.evaluation.intervals import RESAMPLES, Indices, Key, Measure, bootstrapped
from batchmri.evaluation.leaks import LeakCheck, check_leaks
from batchmri.evaluation.localization import localization_measures, randomization_measure, redrawn
from batchmri.evaluation.output import show, write_metrics
from batchmri.evaluation.plots import write_plots
from batchmri.evaluation.row_selection import choose_rows
from batchmri.evaluation.scores import ranking_measures, table_measures
from batchmri.model.backends.base import Backend
from batchmri.model.backends.registry import choose, load_backend
from batchmri.model.card import SHIPPED, Card
from batchmri.model.checkpoint import load_checkpoint
from batchmri.outputs.atomic_write import make_folder
from batchmri.outputs.console import Console
from batchmri.preparation.transforms import PreparationSettings
from batchmri.settings.classifier import ClassifierSettings

RAW, LEAK_FREE = "raw", "leak-free"


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Options of an evaluation.

    `split` selects rows: a split, "all", or None for test. `manifest` and `trained_on` identify
    images that the model may have been trained on. `randomized` adds the randomization test, which
    needs a second pass over the images.
    """

    data: Path
    split: str | None = None
    manifest: Path | None = None
    trained_on: Path | None = None
    randomized: bool = False
    resamples: int = RESAMPLES


def evaluate_images(
    request: EvaluationRequest, settings: ClassifierSettings, out: Path, console: Console
) -> list[Measure]:
    """Evaluate a model on labeled images, write the results to `out` and return the metrics.

    Raises UsageError for unusable data, ModelError for an unusable checkpoint, and OutputError if
    `out` cannot be written.
    """
    path = settings.model or SHIPPED
    network, card, _ = load_checkpoint(path)
    rows = choose_rows(request.data, request.split, card.classes)
    with console.stage("looking for leaks") as stage:
        leaks = check_leaks(rows, request.manifest, request.trained_on, stage.advance)
    groups, grouped_by = groups_of(rows, leaks)
    chosen = choose(settings)
    backend = load_backend(network, card, chosen)
    with console.stage("evaluating images", len(rows)) as stage:
        predictions = predict(rows, backend, card, groups, stage.advance)
    parts = {RAW: predictions}
    if leaks.leak_free is not None and len(leaks.leak_free):
        parts[LEAK_FREE] = predictions.part(leaks.leak_free)
    with console.stage("measuring"):
        measures = [m for name, part in parts.items() for m in _measures(name, part, request)]
    if request.randomized:
        randomized_backend = load_backend(redrawn(network), card, chosen)
        measures += _randomization_measures(
            parts, leaks, randomized_backend, card, request, console
        )
    notes = (
        f"{request.data}: {len(rows)} images, model {path.name} {card.weights_digest[:12]}, "
        f"{chosen.precision}, temperature {card.temperature:g}",
        *leaks.notes,
        f"intervals: 95%, {request.resamples} resamples of {grouped_by}",
    )
    metadata = {
        "data": str(request.data),
        "model_digest": card.weights_digest,
        "classes": list(card.classes),
        "no_tumor_class": card.no_tumor_class,
        "temperature": card.temperature,
        "backend": chosen.engine,
        "precision": chosen.precision,
        "resampled": grouped_by,
    }
    tables = image_tables(measures, list(parts), card.classes)
    make_folder(out)
    write_metrics(out, metadata, measures, notes, tables)
    leak_free_rows: Indices = np.array([], np.intp) if leaks.leak_free is None else leaks.leak_free
    write_predictions(out / "predictions.csv", predictions, request.data, leak_free_rows.tolist())
    write_plots(parts, out)
    write_sheets(predictions, PreparationSettings.model_validate(card.preparation), out)
    show(console, notes, tables)
    return measures


def _measures(
    subset: str, predictions: RowPredictions, request: EvaluationRequest
) -> list[Measure]:
    labels, probabilities = predictions.labels, predictions.probabilities
    resamples = request.resamples
    predicted, classes, groups = predictions.predicted, predictions.classes, predictions.groups

    def brier_and_coverage(some: Indices) -> Mapping[Key, float]:
        own, of = labels[some], probabilities[some]
        return brier(own, of) | coverage_scores(own, of)

    calibration = calibration_scores(labels, probabilities)
    return [
        *table_measures(
            subset, labels, predicted, classes, predictions.no_tumor, groups, resamples
        ),
        *ranking_measures(subset, labels, probabilities, classes),
        *bootstrapped(subset, brier_and_coverage, groups, resamples),
        *(Measure(subset, *key, value, n=len(labels)) for key, value in calibration.items()),
        *localization_measures(subset, predictions, resamples),
    ]


def _randomization_measures(
    parts: Mapping[str, RowPredictions],
    leaks: LeakCheck,
    backend: Backend,
    card: Card,
    request: EvaluationRequest,
    console: Console,
) -> list[Measure]:
    predictions = parts[RAW]
    settings = PreparationSettings.model_validate(card.preparation)
    with console.stage("evaluating with a random last layer", len(predictions.rows)) as stage:
        maps = run(predictions.rows, backend, settings, stage.advance)
    measures = randomization_measure(RAW, predictions, maps, request.resamples)
    if LEAK_FREE in parts and leaks.leak_free is not None:
        own = maps[leaks.leak_free]
        measures += randomization_measure(LEAK_FREE, parts[LEAK_FREE], own, request.resamples)
    return measures
