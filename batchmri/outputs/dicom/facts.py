"""Content of the DICOM objects of a study; equal facts produce equal objects and UIDs."""

import hashlib
from dataclasses import dataclass

from batchmri.identifiers import OWN_UID_ROOT
from batchmri.reasons import VerdictReason
from batchmri.records import INDETERMINATE, Classes, Verdict

CONTENT_VERSION = "1"
"""Version of the objects. Increase it if their content changes, so that they get new UIDs."""
_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ClassCode:
    """The code of a class: value, coding scheme designator and meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class SourceImage:
    """A source instance of a series."""

    instance_uid: str
    sop_class: str
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class SourceSeries:
    """A source series: its attributes as in the archive, and its instances in slice order."""

    attributes: tuple[tuple[str, str], ...]
    images: tuple[SourceImage, ...]

    @property
    def by_keyword(self) -> dict[str, str]:
        """The attributes of patient, study and series by keyword."""
        return dict(self.attributes)


@dataclass(frozen=True, slots=True)
class SliceReference:
    """A slice in a source instance; `frame` counts from 1 and is None for a single frame."""

    instance_uid: str
    sop_class: str
    frame: int | None


@dataclass(frozen=True, slots=True)
class SeriesFacts:
    """The result of one classified series.

    `percentages` are the calibrated probabilities in percent, rounded as in series.csv, in the
    order of the classes.
    """

    series_uid: str
    part: str
    number: int | None
    source: SourceSeries
    verdict: str
    reason: VerdictReason
    percentages: tuple[float, ...]
    tumor_percentage: float
    deciding: tuple[SliceReference, ...]
    decides_study: bool


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """The results of one study. `codes` are those of the model card, by class."""

    study_uid: str
    series: tuple[SeriesFacts, ...]
    classes: Classes
    codes: tuple[tuple[str, ClassCode], ...]
    model_digest: str

    @property
    def decisive(self) -> SeriesFacts:
        """The series that decided the verdict of the study."""
        return next(series for series in self.series if series.decides_study)

    def is_tumor(self, verdict: str) -> bool:
        """Whether a verdict reports a tumor, of a known or of an open kind."""
        return verdict not in (INDETERMINATE, self.classes.no_tumor)


def percentage(probability: float) -> float:
    """A probability in percent, with the decimals of the tables."""
    return round(round(min(max(probability, 0.0), 1.0), 4) * 100, 2)


def series_facts(
    verdict: Verdict,
    classes: Classes,
    source: SourceSeries,
    *,
    series_uid: str,
    part: str,
    number: int | None,
    deciding: tuple[SliceReference, ...],
    decides_study: bool,
) -> SeriesFacts:
    """The facts of a series from its verdict."""
    return SeriesFacts(
        series_uid=series_uid,
        part=part,
        number=number,
        source=source,
        verdict=verdict.name,
        reason=verdict.reason,
        percentages=tuple(percentage(p) for p in verdict.probabilities),
        tumor_percentage=percentage(classes.tumor_probability(verdict.probabilities)),
        deciding=deciding,
        decides_study=decides_study,
    )


def own_uid(*parts: object) -> str:
    """A UID below the root of batchmri, derived from its parts."""
    text = "\0".join(str(part) for part in parts)
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")
    return f"{OWN_UID_ROOT}{number % 10**_DIGITS}"


def series_uid(kind: str, study: StudyFacts) -> str:
    """SeriesInstanceUID of the objects of one kind in a study."""
    return own_uid("series", kind, study.study_uid)


def instance_uid(kind: str, *facts: object) -> str:
    """SOPInstanceUID of an object with this content."""
    return own_uid("instance", CONTENT_VERSION, kind, *(repr(fact) for fact in facts))
