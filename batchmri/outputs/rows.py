"""Conversion of records to table rows with typed values (pure functions).

Numbers stay numbers and texts stay as they are in the records: sinks round, format and sanitize
them (`outputs.values`).
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from batchmri.header import SHOWN
from batchmri.reasons import Status
from batchmri.records import IDENTIFIERS, Classes, FileNote, SeriesKey, SeriesResult, Verdict
from batchmri.settings.report import ReportSettings

_DICOM = "1.2.840.10008.1.2"
TRANSFER_SYNTAXES = {
    "": "",
    _DICOM: "ImplicitVRLittleEndian",
    f"{_DICOM}.1": "ExplicitVRLittleEndian",
    f"{_DICOM}.2": "ExplicitVRBigEndian",
    f"{_DICOM}.4.50": "JPEGBaseline8Bit",
    f"{_DICOM}.4.70": "JPEGLosslessSV1",
    f"{_DICOM}.4.80": "JPEGLSLossless",
    f"{_DICOM}.4.81": "JPEGLSNearLossless",
    f"{_DICOM}.4.90": "JPEG2000Lossless",
    f"{_DICOM}.4.91": "JPEG2000",
    f"{_DICOM}.5": "RLELossless",
}
"""The keywords of common transfer syntaxes, so that pydicom is not imported for them."""
Value = str | int | float | bool | None | tuple[str, ...]
"""A value of a cell: probabilities and lengths are floats, flags a tuple."""
Row = Mapping[str, Value]
"""A table row by column names; a missing key is an empty cell."""


@dataclass(frozen=True, slots=True)
class StudyExport:
    """A study as sinks receive it: its table rows, and the records they come from.

    `slices` contains every classified slice, whatever `report.slices` is. `change` is new, changed,
    verdict, or empty if nothing has changed since the last run.
    """

    uid: str
    study: Row
    series: tuple[Row, ...]
    slices: tuple[Row, ...]
    results: tuple[SeriesResult, ...]
    verdicts: Mapping[SeriesKey, Verdict]
    deciding: SeriesKey | None
    change: str = ""

    def listed_slices(self, rules: ReportSettings) -> Iterator[Row]:
        """The slices that `report.slices` selects: all, none, or those deciding or drawn."""
        for row in self.slices if rules.slices != "none" else ():
            verdict = self.verdicts.get(key_of(row))
            decided = verdict is not None and row["slice_index"] in verdict.deciding
            if rules.slices == "all" or decided or row["gradcam_png"]:
                yield row


def study_export(
    uid: str,
    results: Sequence[SeriesResult],
    verdicts: Mapping[SeriesKey, Verdict],
    deciding: SeriesKey | None,
    classes: Classes,
    settings: ReportSettings,
    *,
    montage_png: str = "",
    change: str = "",
    with_slices: bool = True,
) -> StudyExport:
    """The rows of a study, of its series and, unless they are not needed, of its slices."""
    return StudyExport(
        uid,
        study_row(uid, results, verdicts, deciding, montage_png, classes),
        tuple(series_row(r, verdicts.get(r.series.key), classes, settings) for r in results),
        tuple(row for r in results if with_slices for row in slice_rows(r, classes)),
        tuple(results),
        verdicts,
        deciding,
        change,
    )


def key_of(row: Row) -> SeriesKey:
    """The key of the series that a row of series, slices or files belongs to."""
    return SeriesKey(str(row["study_uid"]), str(row["series_uid"]), str(row["series_part"]))


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
    row: dict[str, Value] = {
        "study_uid": uid,
        "source": common_source([r.series.source for r in results]),
        "status": next(status for status in ranked if counts[status]),
        "n_series": len(results),
        "n_classified": counts[Status.CLASSIFIED],
        "n_skipped": counts[Status.SKIPPED],
        "n_failed": counts[Status.FAILED],
        "n_slices": sum(len(r.scores) for r in results),
        "montage_png": montage_png,
        "flags": _flags(
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
    row: dict[str, Value] = {
        **_key_cells(series.key),
        "format": series.format,
        "source": series.source,
        "n_files": series.n_files,
        "modality": header.modality,
        "sequence": series.sequence,
        "transfer_syntax": transfer_syntax(header.transfer_syntax),
        "rows": series.rows or None,
        "columns": series.columns or None,
        "n_slices": series.n_slices,
        "plane": series.plane,
        "pixel_spacing_mm": "\\".join(map(_spacing, spacing)) if spacing else "",
        "slice_spacing_mm": _finite(series.slice_spacing),
        "status": result.status,
        "reason": result.reason,
        "detail": result.detail,
        "flags": _flags((*series.flags, *(verdict.flags if verdict else ()))),
        "model_digest": result.model_digest,
        **{one.column(name): getattr(header, name) for name, one in SHOWN.items()},
    }
    if settings.descriptions:
        row["series_description"] = header.series_description
        row["manufacturer"] = header.manufacturer
    if verdict is not None:
        row |= _verdict_cells(verdict, classes)
        row["n_tumor_slices"] = verdict.n_tumor_slices
        row["ood_score"] = verdict.ood_score
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
            "position_mm": _finite(ref.position_mm),
            "predicted": predicted,
            "confidence": _probability(confidence),
            **_probability_cells(scores.probabilities, classes),
            "ood_score": scores.domain.ood_score if scores.domain else None,
            "crop_x": box.x,
            "crop_y": box.y,
            "crop_width": box.width,
            "crop_height": box.height,
            "flags": _flags(scores.flags),
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
        "confidence": _probability(verdict.confidence),
        "deciding_slice": verdict.deciding_slice,
        **_probability_cells(verdict.probabilities, classes),
    }


def _probability_cells(probabilities: tuple[float, ...], classes: Classes) -> Row:
    each = {
        f"p_{name}": _probability(value)
        for name, value in zip(classes.names, probabilities, strict=True)
    }
    return {**each, "p_tumor": _probability(classes.tumor_probability(probabilities))}


def _probability(value: float) -> float:
    """The value clipped to 0 and 1, which rounding errors may exceed."""
    return min(max(value, 0.0), 1.0)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _spacing(value: float) -> str:
    """Three decimals at most; empty if not finite."""
    return f"{value:.3f}".rstrip("0").rstrip(".") if math.isfinite(value) else ""


def _flags(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def transfer_syntax(value: str) -> str:
    """The keyword of a known UID; other values are returned unchanged."""
    if (common := TRANSFER_SYNTAXES.get(value)) is not None:
        return common
    from pydicom.config import IGNORE  # takes half a second
    from pydicom.uid import UID

    # IGNORE: pydicom would warn about invalid UIDs in headers.
    return UID(value, validation_mode=IGNORE).keyword or value
