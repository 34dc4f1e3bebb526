"""Aggregation of the results of a study: its verdict, and the pictures that are up to date."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from batchmri.outputs.paths import heatmap_path
from batchmri.pipeline.draw import (
    MAX_MONTAGE_PICTURES,
    Volume,
    current_pictures,
    drawn_as,
    has_heat,
    report_strips,
    series_caption,
    split_picture_class,
    wanted_pictures,
)
from batchmri.reasons import Reason, Status
from batchmri.records import Classes, SeriesKey, SeriesResult, Verdict
from batchmri.settings import Settings
from batchmri.verdict.series import series_verdict
from batchmri.verdict.study import study_verdict
from batchmri.verdict.temperature import sharpened, sharpening


@dataclass(frozen=True, slots=True)
class AggregatedStudy:
    """A study under the current settings.

    Its results are those of `aggregate_series`.
    """

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
        return study_version([(r.series.fingerprint, r.model_digest) for r in self.foreign])

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
        """Paths of all pictures, of the strips that the HTML report shows, and of heat maps.

        Heat maps that an earlier scan wrote stay while they are up to date.
        """
        strips = [
            path
            for result in self.results
            if settings.report.html and result.picture_class
            for path in report_strips(result.series, self.verdicts[result.series.key], classes)
        ]
        maps = [
            heatmap_path(result.series.key)
            for result in self.results
            if split_picture_class(result.picture_class)[1] is Volume.WRITTEN
        ]
        return (*self.pictures, *strips, *maps)

    @property
    def montage_pictures(self) -> tuple[str, ...]:
        """The first pictures, including those of all deciding slices of the deciding series."""
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


def study_version(series: Sequence[tuple[str, str]]) -> str:
    """Digest of the fingerprints and model digests of the series of a study, in their order."""
    parts = [f"{fingerprint}:{model_digest}" for fingerprint, model_digest in series]
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def aggregate(
    uid: str, results: Sequence[SeriesResult], classes: Classes, settings: Settings
) -> AggregatedStudy:
    """Apply the verdict rules to the results of a study and drop outdated pictures."""
    verdicts: dict[SeriesKey, Verdict] = {}
    kept: list[SeriesResult] = []
    for result in results:
        if result.status is Status.CLASSIFIED:
            result, verdict, _ = aggregate_series(result, classes, settings)
            verdicts[result.series.key] = verdict
        kept.append(result)
    sequences = {r.series.key: r.series.sequence for r in results}
    decided = study_verdict({k: (sequences[k], v) for k, v in verdicts.items()}, classes)
    deciding = decided[0] if decided else None
    return AggregatedStudy(uid, tuple(kept), verdicts, deciding)


def aggregate_series(
    result: SeriesResult, classes: Classes, settings: Settings
) -> tuple[SeriesResult, Verdict, bool]:
    """A classified series under the current settings, and whether any picture is missing.

    Its result contains probabilities for the current temperature, and only pictures that are up to
    date. If they are not, `picture_class` is empty.
    """
    scores = sharpened(result.scores, sharpening(classes, settings.verdict))
    verdict = series_verdict(result.series, scores, classes, settings.verdict)
    wanted = wanted_pictures(scores, verdict, classes, settings.report)
    now = drawn_now(result, verdict, classes, settings)
    pictures = current_pictures(result, now, wanted)
    is_current = split_picture_class(result.picture_class)[0] == now
    picture_class = result.picture_class if is_current else ""
    current = replace(result, scores=scores, pictures=pictures, picture_class=picture_class)
    return current, verdict, len(pictures) < len(wanted)


def drawn_now(result: SeriesResult, verdict: Verdict, classes: Classes, settings: Settings) -> str:
    """How pictures that are up to date are drawn (`pipeline.draw.drawn_as`)."""
    caption = series_caption(result.series, verdict, classes, result.model_digest, settings.report)
    exponent = sharpening(classes, settings.verdict)
    return drawn_as(caption, verdict, exponent)


def pictures_are_current(
    result: SeriesResult, classes: Classes, settings: Settings, output: Path
) -> bool:
    """Whether a processed series has every wanted picture and heat map, up to date and on disk."""
    if result.status is not Status.CLASSIFIED:
        return True
    current, verdict, missing = aggregate_series(result, classes, settings)
    expected = [path for _, path in current.pictures]
    if settings.report.writes_heatmaps and has_heat(verdict):
        volume = split_picture_class(current.picture_class)[1]
        missing |= volume is Volume.NONE
        expected += [heatmap_path(result.series.key)] if volume is Volume.WRITTEN else []
    if settings.report.html:
        missing |= not current.picture_class
        expected += report_strips(result.series, verdict, classes)
    return not missing and all((output / path).is_file() for path in expected)
