"""The content of the page of a study, as plain values from which the page is rendered."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batchmri.flags import in_words
from batchmri.outputs.html.curve import curve
from batchmri.outputs.paths import montage_path, strip_paths
from batchmri.outputs.rows import StudyExport, transfer_syntax
from batchmri.outputs.sinks import SinkContext
from batchmri.outputs.strips import cell_size, heat_box, png_size, strip_slices
from batchmri.reasons import Status, VerdictReason
from batchmri.records import INDETERMINATE, Scores, Series, SeriesResult, Verdict

View = dict[str, Any]
_ROOT = "../../../"
"""The output folder, relative to a page in report/studies/ab/."""
_MAX_KEY_SLICES = 8
_PLAIN = (VerdictReason.TUMOR, VerdictReason.NO_TUMOR)
"""Reasons that are not shown, because the name of the verdict says the same."""


def study_view(study: StudyExport, context: SinkContext) -> View:
    """The view of a study; pictures and strips are included if they exist and are up to date."""
    verdict = study.verdicts[study.deciding] if study.deciding else None
    ordered = sorted(
        study.results,
        key=lambda r: (r.series.key != study.deciding, r.status is not Status.CLASSIFIED),
    )
    number = {result.series.key: i for i, result in enumerate(ordered, 1)}
    classified = [r for r in ordered if r.status is Status.CLASSIFIED]
    sequences = {r.series.key: r.series.sequence for r in classified}
    sections = [_section(r, study, number[r.series.key], context) for r in classified]
    return {
        "uid": study.uid,
        "source": study.study["source"],
        "status": study.study["status"],
        "verdict": _verdict_view(verdict, context) if verdict else None,
        "why_this_series": context.explain_study(study.deciding, sequences, study.verdicts)
        if study.deciding
        else "",
        "series": [_series_row(r, study, number[r.series.key], context) for r in ordered],
        "sections": sections,
        "data": [_script_data(section) for section in sections],
        "montage": _ROOT + montage_path(study.uid) if study.study["montage_png"] else "",
        "model": str(study.study["model_digest"])[:12],
    }


def _verdict_view(verdict: Verdict, context: SinkContext) -> View:
    outside = verdict.reason.is_outside
    kind = "outside" if outside else verdict.name
    if not outside and verdict.name not in (INDETERMINATE, context.classes.no_tumor):
        kind = "tumor"
    elif verdict.name == context.classes.no_tumor:
        kind = "notumor"
    tumor = context.classes.tumor_probability(verdict.probabilities)
    return {
        "name": "no verdict" if outside else verdict.name,
        "kind": kind,
        "reason": "" if verdict.reason in _PLAIN else verdict.reason.words,
        "confidence": _decimals(verdict.confidence),
        "p_tumor": _decimals(tumor),
        "probabilities": []
        if outside
        else [
            {"name": name, "value": round(value, 4), "text": _decimals(value)}
            for name, value in zip(context.classes.names, verdict.probabilities, strict=True)
        ],
        "ood_score": None if verdict.ood_score is None else _decimals(verdict.ood_score),
    }


def _series_row(
    result: SeriesResult, study: StudyExport, number: int, context: SinkContext
) -> View:
    series, verdict = result.series, study.verdicts.get(result.series.key)
    return {
        "number": number,
        "deciding": series.key == study.deciding,
        "name": _name(series, context),
        "sequence": series.sequence,
        "plane": series.plane,
        "n_slices": series.n_slices,
        "status": str(result.status),
        "outcome": _verdict_view(verdict, context) if verdict else None,
        "reason": str(result.reason) if result.reason else "",
        "sentence": result.reason.about.sentence if result.reason else "",
        "detail": result.detail,
        "flags": _flags(series, verdict),
        "source": series.source,
    }


def _section(result: SeriesResult, study: StudyExport, number: int, context: SinkContext) -> View:
    series, verdict = result.series, study.verdicts[result.series.key]
    return {
        "number": number,
        "deciding": series.key == study.deciding,
        "name": _name(series, context),
        "verdict": _verdict_view(verdict, context),
        "flags": _flags(series, verdict),
        "explanation": list(context.explain_series(series, result.scores, verdict)),
        "curve": curve(result, verdict, context),
        "slices": _slices(result, verdict, context),
        "strips": _strips(result, verdict, context),
        "heat_of": "" if verdict.reason.is_outside else verdict.shown_class,
        "pictures": [
            {"path": _ROOT + path, "slice": index + 1, "deciding": index in verdict.deciding}
            for index, path in result.pictures
            if (context.output / path).is_file()
        ],
        "facts": list(_facts(series, context)),
        "source": series.source,
    }


def _slices(result: SeriesResult, verdict: Verdict, context: SinkContext) -> list[View]:
    """Every slice: its number from 1, p_tumor, and whether it decides."""
    return [
        {
            "n": s.ref.index + 1,
            "p": round(context.classes.tumor_probability(s.probabilities), 4),
            "deciding": s.ref.index in verdict.deciding,
        }
        for s in result.scores
    ]


def _strips(result: SeriesResult, verdict: Verdict, context: SinkContext) -> View | None:
    """The strips of a series and the cell of each of their slices; None if there are none."""
    series, paths = result.series, strip_paths(result.series.key)
    if not result.picture_class or not (context.output / paths.slices).is_file():
        return None
    width, height = cell_size(series)
    indices = strip_slices(result.scores, verdict)
    scores = {s.ref.index: s for s in result.scores}
    heat = _heat_cell(context.output / paths.heat, len(indices))
    outside = verdict.reason.is_outside or verdict.name == context.classes.no_tumor
    cells = [
        _cell(scores[i], series, k, len(indices), heat, i in verdict.deciding)
        for k, i in enumerate(indices)
    ]
    first = indices.index(verdict.deciding_slice) if verdict.deciding_slice is not None else 0
    key = [cell for cell in cells if cell["deciding"]]
    key.sort(key=lambda cell: cell["k"] != first)
    return {
        "slices": _ROOT + paths.slices,
        "heat": _ROOT + paths.heat if heat and not outside else "",
        "heat_size": _percent((heat + 2) / heat, len(indices) * (heat + 2) / heat) if heat else "",
        "width": width,
        "height": height,
        "n": len(cells),
        "first": first,
        "cells": cells,
        "key": key[:_MAX_KEY_SLICES],
    }


def _heat_cell(path: Path, n: int) -> int:
    """Side of a heat map in its strip, without the border; 0 if there is no such strip."""
    try:
        width, height = png_size(path)
    except OSError:
        return 0
    return width - 2 if height == n * width else 0


def _cell(scores: Scores, series: Series, k: int, n_cells: int, heat: int, deciding: bool) -> View:
    """Where cell `k` of the strips is, as CSS positions in percent.

    A heat map of `heat` pixels has a border of one pixel, which is not shown.
    """
    box, square = heat_box(series, scores.box)
    hidden = n_cells * (heat + 2) - heat
    return {
        "k": k,
        "n": scores.ref.index + 1,
        "deciding": deciding,
        "box": [round(100 * value, 3) for value in box],
        "square": [round(100 * value, 3) for value in square],
        "gray_y": round(100 * k / max(n_cells - 1, 1), 4),
        "heat_y": round(100 * (k * (heat + 2) + 1) / hidden, 4) if heat else 0,
    }


def _percent(*values: float) -> str:
    return " ".join(f"{100 * value:g}%" for value in values)


def _script_data(section: View) -> View:
    """The data of a section that the script of the page needs."""
    c = section["curve"]
    return {
        "number": section["number"],
        "slices": section["slices"],
        "cells": section["strips"]["cells"] if section["strips"] else [],
        "curve": {key: c[key] for key in ("width", "left", "right", "first", "last")},
    }


def _facts(series: Series, context: SinkContext) -> Iterator[tuple[str, str]]:
    """The header values on which decisions are based, in words; unknown ones are omitted."""
    header = series.header
    contrast = {True: "given", False: "not given", None: "not stated"}[header.contrast_agent]
    spacing = series.pixel_spacing
    described = context.settings.report.descriptions
    facts = {
        "Format": series.format,
        "Modality": header.modality,
        "Series description": header.series_description if described else "",
        "Manufacturer": header.manufacturer if described else "",
        "Sequence, as estimated": series.sequence,
        "Sequence named in the header": header.named_sequence,
        "Scanning sequence": header.scanning_sequence,
        "Echo time": _number(header.echo_time, "ms"),
        "Repetition time": _number(header.repetition_time, "ms"),
        "Inversion time": _number(header.inversion_time, "ms"),
        "Flip angle": _number(header.flip_angle, "°"),
        "b-value": _number(header.b_value, "s/mm²"),
        "Contrast agent": contrast,
        "Body part": header.body_part,
        "Image type": " ".join(header.image_type),
        "Transfer syntax": transfer_syntax(header.transfer_syntax),
        "Plane": series.plane,
        "Matrix": f"{series.rows} × {series.columns}, {series.n_slices} slices",
        "Pixel spacing": " × ".join(_millimeters(mm) for mm in spacing) + " mm" if spacing else "",
        "Slice spacing": _number(series.slice_spacing, "mm"),
        "Files": str(series.n_files),
    }
    return ((name, value) for name, value in facts.items() if value)


def _number(value: float | None, unit: str) -> str:
    return "" if value is None else f"{_millimeters(value)} {unit}"


def _millimeters(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _name(series: Series, context: SinkContext) -> str:
    """Number and description of a series, or another name if both are missing."""
    header = series.header
    described = header.series_description if context.settings.report.descriptions else ""
    number = "" if header.series_number is None else f"{header.series_number}"
    return " · ".join(filter(None, (number, described or series.sequence, series.key.part)))


def _flags(series: Series, verdict: Verdict | None) -> list[str]:
    return [in_words(flag) for flag in sorted({*series.flags, *(verdict.flags if verdict else ())})]


def _existing(path: str, output: Path) -> str:
    return _ROOT + path if (output / path).is_file() else ""


def _decimals(value: float) -> str:
    return f"{value:.2f}"
