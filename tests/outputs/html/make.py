"""A report of a few studies made of records, with strips and pictures."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from batchmri.header import Header
from batchmri.outputs.html.sink import HtmlReport
from batchmri.outputs.rows import StudyExport, change_row, file_row, study_export
from batchmri.outputs.sinks import SinkContext
from batchmri.pipeline.draw import draw_report_strips
from batchmri.reasons import Reason, Status
from batchmri.records import (
    Classes,
    CropBox,
    DomainScores,
    FileNote,
    FloatArray,
    Scores,
    Series,
    SeriesKey,
    SeriesResult,
    SliceRef,
)
from batchmri.settings import Settings
from batchmri.verdict.explanation import explain_series, explain_study
from batchmri.verdict.series import series_verdict
from batchmri.verdict.study import study_verdict

CLASSES = Classes(("glioma", "meningioma", "notumor"), "notumor")
RULES = {"tumor_above": 0.643, "notumor_below": 0.261, "top_slices": 3, "run_fraction": 0}
SETTINGS = Settings.load(verdict=RULES)
N_SLICES = 8


def context(output: Path, settings: Settings = SETTINGS) -> SinkContext:
    return SinkContext(
        output,
        CLASSES,
        settings,
        card={"architecture": "efficientnet-b1", "temperature": 0.9},
        provenance={"device": "cpu", "precision": "fp32"},
        explain_series=partial(explain_series, classes=CLASSES, rules=settings.verdict),
        explain_study=explain_study,
    )


def study(
    number: int, glioma: float, *, output: Path | None = None, ood: float = 0.3
) -> StudyExport:
    """A study with a localizer and a series whose middle slices are the most suspicious."""
    uid = f"1.2.{number}"
    series = Series(
        key=SeriesKey(uid, f"{uid}.1"),
        source=f"root/study-{number}/t1",
        format="dicom",
        n_files=N_SLICES,
        header=Header("MR", ("Maker A", "Maker <B>")[number % 2], "AX T1 <POST>", 3),
        sequence="t1_contrast",
        rows=64,
        columns=48,
        plane="axial",
        pixel_spacing=(1.0, 1.0),
        slice_spacing=5.0,
        slices=(),
        n_slices=N_SLICES,
        flags=("gap",) if number % 3 == 0 else (),
    )
    scores = tuple(
        _scores(i, glioma * (0.2 if i in (0, 1, 6, 7) else 1), ood) for i in range(N_SLICES)
    )
    result = SeriesResult(series, Status.CLASSIFIED, scores=scores, model_digest="ab" * 32)
    verdict = series_verdict(series, scores, CLASSES, SETTINGS.verdict)
    if output is not None:
        by_index = {s.ref.index: s for s in scores}
        draw_report_strips(
            series, verdict, by_index, _heat(by_index), _pixels(by_index), CLASSES, output
        )
        result = replace(result, picture_class="drawn")
    localizer = replace(series, key=SeriesKey(uid, f"{uid}.2"), sequence="localizer", flags=())
    skipped = SeriesResult(localizer, Status.SKIPPED, Reason.LOCALIZER, "a scout")
    verdicts = {series.key: verdict}
    decided = study_verdict({series.key: ("t1_contrast", verdict)}, CLASSES)
    assert decided is not None
    return study_export(uid, (result, skipped), verdicts, decided[0], CLASSES, SETTINGS.report)


def write(output: Path, studies: list[StudyExport], settings: Settings = SETTINGS) -> Path:
    """Write the report of the studies; returns the path of its index page."""
    with HtmlReport(context(output, settings)) as report:
        for one in studies:
            report.add_study(one)
        report.add_change(change_row("1.2.1", "root/study-1", "verdict", "notumor", "glioma"))
        report.add_file(file_row(FileNote("root/notes.txt", Reason.NOT_AN_IMAGE)))
    return output / "report" / "index.html"


def _scores(index: int, glioma: float, ood: float) -> Scores:
    row = (glioma * 0.9, glioma * 0.1, 1 - glioma)
    ref = SliceRef("root/a", "", f"1.2.3.{index + 1}", 1, index, 5.0 * index)
    return Scores(ref, row, CropBox(4, 6, 40, 50), (), DomainScores(ood, 0.9, 0.9))


def _heat(indices: dict[int, Scores]) -> dict[int, FloatArray]:
    heat = np.zeros((5, 5), np.float32)
    heat[1, 3] = 20
    return dict.fromkeys(indices, heat)


def _pixels(indices: dict[int, Scores]) -> dict[int, FloatArray]:
    gray = np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(64, 48)
    return {index: gray * (index + 1) for index in indices}
