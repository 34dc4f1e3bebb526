"""Aggregation of the results of a study: its verdict, and its pictures that are up to date."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from batchmri.outputs.paths import heatmap_path
from batchmri.pipeline.draw import (
    MAX_MONTAGE_PICTURES,
    current_pictures,
    drawn_as,
    report_strips,
    series_caption,
    wanted_pictures,
)
from batchmri.reasons import Reason, Status
from batchmri.records import Classes, SeriesKey, SeriesResult, Verdict
from batchmri.settings import Settings
from batchmri.verdict.series import series_verdict
from batchmri.verdict.study import study_verdict


@dataclass(frozen=True, slots=True)
class AggregatedStudy:
    """A study under the current settings; its results contain only pictures that are up to date."""

    uid: str
    results: tuple[SeriesResult, ...]
    verdicts: Mapping[SeriesKey, Verdict]
    deciding: SeriesKey | None

    @property
    def verdict(self) -> Verdict | None:
        """The verdict of the study; None if no series was classified."""
        return self.verdicts[self.deciding] if self.deciding else None

    @property
    def deciding_result(self) -> SeriesResult:
        """The result of the deciding series of a study that has a verdict."""
        return next(r for r in self.results if r.series.key == self.deciding)

    @property
    def version(self) -> str:
        """Digest of the study's files and model; objects written by batchmri do not change it."""
        parts = [f"{r.series.fingerprint}:{r.model_digest}" for r in self.foreign]
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()

    @property
    def foreign(self) -> list[SeriesResult]:
        """The series that were not written by batchmri."""
        return [r for r in self.results if r.reason is not Reason.OWN_RESULT]

    @property
    def pictures(self) -> tuple[str, ...]:
        """Paths of all pictures, those of the deciding series first."""
        ordered = sorted(self.results, key=lambda r: r.series.key != self.deciding)
        return tuple(path for result in ordered for _, path in result.pictures)

    def files(self, classes: Classes, settings: Settings) -> tuple[str, ...]:
        """Paths of all pictures, of the strips that the HTML report shows, and of heat maps."""
        strips = [
            path
            for result in self.results
            if settings.report.html and result.picture_class
            for path in report_strips(result.series, self.verdicts[result.series.key], classes)
        ]
        maps = [
            heatmap_path(result.series.key)
            for result in self.results
            if settings.report.heatmaps == "nifti" and result.picture_class
        ]
        return (*self.pictures, *strips, *maps)

    @property
    def montage_pictures(self) -> tuple[str, ...]:
        """The first pictures; more than usual if more slices of the deciding series decide."""
        n_deciding = len(self.verdict.deciding) if self.verdict else 0
        return self.pictures[: max(MAX_MONTAGE_PICTURES, n_deciding)]


def montage_lines(
    aggregated: AggregatedStudy, classes: Classes, settings: Settings
) -> tuple[str, ...]:
    """The lines above the montage of a study: its verdict, the deciding series, model and flags."""
    assert aggregated.deciding is not None and aggregated.verdict is not None
    deciding = next(r for r in aggregated.results if r.series.key == aggregated.deciding)
    caption = series_caption(
        deciding.series, aggregated.verdict, classes, deciding.model_digest, settings.report
    )
    return caption.title, caption.where, caption.notes


def aggregate(
    uid: str, results: Sequence[SeriesResult], classes: Classes, settings: Settings
) -> AggregatedStudy:
    """Apply the verdict rules to the results of a study and drop outdated pictures."""
    verdicts: dict[SeriesKey, Verdict] = {}
    kept: list[SeriesResult] = []
    for result in results:
        if result.status is Status.CLASSIFIED:
            verdict, pictures, _ = aggregate_series(result, classes, settings)
            verdicts[result.series.key] = verdict
            current = result.picture_class == drawn_now(result, verdict, classes, settings)
            picture_class = result.picture_class if current else ""
            result = replace(result, pictures=pictures, picture_class=picture_class)
        kept.append(result)
    sequences = {r.series.key: r.series.sequence for r in results}
    decided = study_verdict({k: (sequences[k], v) for k, v in verdicts.items()}, classes)
    return AggregatedStudy(uid, tuple(kept), verdicts, decided[0] if decided else None)


def aggregate_series(
    result: SeriesResult, classes: Classes, settings: Settings
) -> tuple[Verdict, tuple[tuple[int, str], ...], bool]:
    """The verdict of a classified series, its pictures, and whether any picture is missing."""
    verdict = series_verdict(result.series, result.scores, classes, settings.verdict)
    wanted = wanted_pictures(result.scores, verdict, classes, settings.report)
    pictures = current_pictures(result, drawn_now(result, verdict, classes, settings), wanted)
    return verdict, pictures, len(pictures) < len(wanted)


def drawn_now(result: SeriesResult, verdict: Verdict, classes: Classes, settings: Settings) -> str:
    """The `picture_class` of pictures that are up to date (`pipeline.draw.drawn_as`)."""
    caption = series_caption(result.series, verdict, classes, result.model_digest, settings.report)
    return drawn_as(caption, verdict, settings.report)


def pictures_are_current(
    result: SeriesResult, classes: Classes, settings: Settings, output: Path
) -> bool:
    """Whether a processed series has every wanted picture, up to date and on disk."""
    if result.status is not Status.CLASSIFIED:
        return True
    verdict, pictures, missing = aggregate_series(result, classes, settings)
    expected = [path for _, path in pictures]
    if settings.report.html:
        missing |= result.picture_class != drawn_now(result, verdict, classes, settings)
        expected += report_strips(result.series, verdict, classes)
    return not missing and all((output / path).is_file() for path in expected)
