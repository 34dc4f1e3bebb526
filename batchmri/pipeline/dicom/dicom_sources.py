"""Facts for DICOM objects: the results of a study, and attributes that are read from its files."""

import warnings
from collections.abc import Mapping
from typing import Any

from pydicom import config, dcmread
from pydicom.dataset import Dataset

from batchmri.formats.safe_open import open_regular
from batchmri.identifiers import is_valid_uid
from batchmri.outputs.dicom.attributes import SERIES_KEYWORDS, STUDY_KEYWORDS, source_attributes
from batchmri.outputs.dicom.facts import (
    ClassCode,
    SeriesFacts,
    SliceReference,
    SourceImage,
    SourceSeries,
    StudyFacts,
    series_facts,
)
from batchmri.pipeline.aggregate import AggregatedStudy
from batchmri.records import Classes, Scores, SeriesKey, SeriesResult, SliceRef
from batchmri.state.store import Store

_IMAGE_KEYWORDS = ("SOPClassUID", "Rows", "Columns")


class SourceHeaderError(Exception):
    """The source header does not allow DICOM objects; the message contains no header values."""


def study_facts(
    store: Store, study: AggregatedStudy, classes: Classes, codes: Mapping[str, ClassCode]
) -> StudyFacts:
    """The facts of a study with a verdict. Raises SourceHeaderError."""
    results = {r.series.key: r for r in study.results}
    return StudyFacts(
        study_uid=study.uid,
        series=tuple(_series(store, study, results[key], classes) for key in study.verdicts),
        classes=classes,
        codes=tuple(codes.items()),
        model_digest=results[_deciding(study)].model_digest,
    )


def class_codes(card: Mapping[str, Any]) -> dict[str, ClassCode]:
    """The codes of the classes in a model card (JSON); empty if it has none."""
    return {name: ClassCode(**code) for name, code in (card.get("codes") or {}).items()}


def _deciding(study: AggregatedStudy) -> SeriesKey:
    assert study.deciding is not None
    return study.deciding


def _series(
    store: Store, study: AggregatedStudy, result: SeriesResult, classes: Classes
) -> SeriesFacts:
    series, verdict = result.series, study.verdicts[result.series.key]
    source, attributes = _source(store, result)
    by_index = {scores.ref.index: scores.ref for scores in result.scores}
    several = instances_with_frames(result.scores)
    return series_facts(
        verdict,
        classes,
        source,
        series_uid=attributes["SeriesInstanceUID"],
        part=series.key.part,
        number=series.header.series_number,
        deciding=tuple(
            reference_to(by_index[index], several, source.images[0].sop_class)
            for index in sorted(verdict.deciding)
        ),
        decides_study=series.key == study.deciding,
    )


def _source(store: Store, result: SeriesResult) -> tuple[SourceSeries, dict[str, str]]:
    header = _read_header(store, result.scores[0].ref.source)
    attributes = source_attributes(header)
    sop_class = str(header.get("SOPClassUID", ""))
    rows, columns = header.get("Rows"), header.get("Columns")
    required = {"StudyInstanceUID", "SeriesInstanceUID"}
    missing = [name for name, value in attributes if name in required and not value]
    missing += [] if is_valid_uid(sop_class) else ["SOPClassUID"]
    missing += [] if rows and columns else ["Rows"]
    if missing:
        raise SourceHeaderError(f"{missing[0]} is missing or invalid in the source header")
    unique = dict.fromkeys(scores.ref.instance_uid for scores in result.scores)
    images = tuple(SourceImage(uid, sop_class, int(rows), int(columns)) for uid in unique)
    return SourceSeries(attributes, images), dict(attributes)


def _read_header(store: Store, source: str) -> Dataset:
    path = store.files.path(source)
    if path is None:
        raise SourceHeaderError("the state no longer contains the source file")
    try:
        with (
            open_regular(path) as file,
            warnings.catch_warnings(action="ignore"),
            config.disable_value_validation(),
        ):
            return dcmread(
                file,
                stop_before_pixels=True,
                force=True,
                specific_tags=[*STUDY_KEYWORDS, *SERIES_KEYWORDS, *_IMAGE_KEYWORDS],
            )
    except OSError as error:
        raise SourceHeaderError(f"the source file cannot be read ({error.strerror})") from None
    except Exception as error:  # pydicom may raise anything for a damaged header
        raise SourceHeaderError(f"the source header is damaged ({type(error).__name__})") from None


def instances_with_frames(scores: tuple[Scores, ...]) -> set[str]:
    """The instances of which several frames were classified; tiles of a mosaic do not count."""
    frames: dict[str, set[int]] = {}
    for ref in (one.ref for one in scores if one.ref.tile is None):
        frames.setdefault(ref.instance_uid, set()).add(ref.frame)
    return {uid for uid, numbers in frames.items() if len(numbers) > 1}


def reference_to(ref: SliceRef, several: set[str], sop_class: str) -> SliceReference:
    """The slice in its source instance; `several` is the result of `instances_with_frames`."""
    frame = ref.frame if ref.instance_uid in several else None
    return SliceReference(ref.instance_uid, sop_class, frame)
