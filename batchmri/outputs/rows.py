"""Conversion of records to table rows (pure functions); the table writer sanitizes the text."""

from collections.abc import Iterator, Mapping, Sequence

from batchmri.outputs import formatting as cells
from batchmri.reasons import Status
from batchmri.records import IDENTIFIERS, Classes, FileNote, SeriesKey, SeriesResult, Verdict
from batchmri.settings import ReportSettings

Row = dict[str, object]


def study_row(
    uid: str,
    results: Sequence[SeriesResult],
    verdicts: Mapping[SeriesKey, Verdict],
    deciding: SeriesKey | None,
    montage_png: str,
    classes: Classes,
) -> Row:
    """The row of a study in studies.csv."""
    counts = {status: sum(r.status is status for r in results) for status in Status}
    ranked = (Status.CLASSIFIED, Status.FAILED, Status.SKIPPED)
    row: Row = {
        "study_uid": uid,
        "source": common_source([r.series.source for r in results]),
        "status": next(status for status in ranked if counts[status]),
        "n_series": len(results),
        "n_classified": counts[Status.CLASSIFIED],
        "n_skipped": counts[Status.SKIPPED],
        "n_failed": counts[Status.FAILED],
        "n_slices": sum(len(r.scores) for r in results),
        "montage_png": montage_png,
        "flags": cells.flags(
            flag
            for r in results
            if r.status is Status.CLASSIFIED
            for flag in (*r.series.flags, *verdicts[r.series.key].flags)
        ),
        "model_digest": next((r.model_digest for r in results if r.model_digest), ""),
    }
    row |= zip(IDENTIFIERS, _identifiers(results), strict=False)
    if deciding is not None:
        row |= _verdict_cells(verdicts[deciding], classes)
        row["deciding_series_uid"] = deciding.series_uid
        row["deciding_series_part"] = deciding.part
    return row


def _identifiers(results: Sequence[SeriesResult]) -> tuple[str, ...]:
    return next((r.series.identifiers for r in results if any(r.series.identifiers)), ())


def series_row(
    result: SeriesResult, verdict: Verdict | None, classes: Classes, settings: ReportSettings
) -> Row:
    """The row of a series in series.csv."""
    series, header = result.series, result.series.header
    spacing = series.pixel_spacing
    row: Row = {
        **_key_cells(series.key),
        "format": series.format,
        "source": series.source,
        "n_files": series.n_files,
        "modality": header.modality,
        "sequence": series.sequence,
        "series_number": header.series_number,
        "transfer_syntax": cells.transfer_syntax(header.transfer_syntax),
        "rows": series.rows or None,
        "columns": series.columns or None,
        "n_slices": series.n_slices,
        "plane": series.plane,
        "pixel_spacing_mm": "\\".join(map(cells.millimetres, spacing)) if spacing else "",
        "slice_spacing_mm": cells.millimetres(series.slice_spacing),
        "status": result.status,
        "reason": result.reason,
        "detail": result.detail,
        "flags": cells.flags((*series.flags, *(verdict.flags if verdict else ()))),
        "model_digest": result.model_digest,
    }
    if settings.descriptions:
        row["series_description"] = header.series_description
        row["manufacturer"] = header.manufacturer
    if verdict is not None:
        row |= _verdict_cells(verdict, classes)
        row["n_tumor_slices"] = verdict.n_tumor_slices
        row["ood_score"] = cells.distance(verdict.ood_score)
    return row


def slice_rows(result: SeriesResult, classes: Classes) -> Iterator[Row]:
    """The rows of a series in slices.csv."""
    pictures = dict(result.pictures)
    for scores in result.scores:
        ref, box = scores.ref, scores.box
        predicted = classes.leading(scores.probabilities)
        confidence = scores.probabilities[classes.names.index(predicted)]
        yield {
            **_key_cells(result.series.key),
            "instance_uid": ref.instance_uid,
            "source": ref.source,
            "frame": ref.frame,
            "slice_index": ref.index,
            "position_mm": cells.millimetres(ref.position_mm),
            "predicted": predicted,
            "confidence": cells.probability(confidence),
            **_probability_cells(scores.probabilities, classes),
            "ood_score": cells.distance(scores.look.distance if scores.look else None),
            "crop_x": box.x,
            "crop_y": box.y,
            "crop_width": box.width,
            "crop_height": box.height,
            "flags": cells.flags(scores.flags),
            "gradcam_png": pictures.get(ref.index, ""),
        }


def file_row(note: FileNote) -> Row:
    """The row of a file in files.csv."""
    return {
        "source": note.source,
        "status": note.reason.status,
        "reason": note.reason,
        "detail": note.detail,
        **_key_cells(note.key),
    }


def change_row(uid: str, source: str, change: str, verdict_before: str, verdict: str) -> Row:
    """The row of a study in changes.csv."""
    return {
        "study_uid": uid,
        "source": source,
        "change": change,
        "verdict_before": verdict_before,
        "verdict": verdict,
    }


def common_source(sources: Sequence[str]) -> str:
    """The source if all are equal, else the common folder; empty if the roots differ."""
    if len(set(sources)) == 1:
        return sources[0]
    common: list[str] = []
    for names in zip(*(source.split("/") for source in sources), strict=False):
        if len(set(names)) > 1:
            break
        common.append(names[0])
    return "/".join(common)


def _key_cells(key: SeriesKey) -> Row:
    return {"study_uid": key.study_uid, "series_uid": key.series_uid, "series_part": key.part}


def _verdict_cells(verdict: Verdict, classes: Classes) -> Row:
    return {
        "verdict": verdict.name,
        "verdict_reason": verdict.reason,
        "confidence": cells.probability(verdict.confidence),
        "deciding_slice": verdict.deciding_slice,
        **_probability_cells(verdict.probabilities, classes),
    }


def _probability_cells(probabilities: tuple[float, ...], classes: Classes) -> Row:
    tumor = cells.probability(classes.tumor_probability(probabilities))
    return {**cells.probabilities(probabilities, classes.names), "p_tumor": tumor}
