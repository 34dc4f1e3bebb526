"""DICOM objects of the studies in OUT/dicom, kept up to date."""

import hashlib
import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from pydicom import config
from pydicom.dataset import Dataset

from batchmri.errors import BatchmriError, OutputError
from batchmri.extensions import DICOM_OBJECTS
from batchmri.outputs.atomic_write import NewFile, make_folder
from batchmri.outputs.console import Console
from batchmri.outputs.dicom.facts import CONTENT_VERSION, ClassCode, StudyFacts
from batchmri.outputs.dicom.parametric_map import parametric_map
from batchmri.outputs.paths import dicom_folder, montage_path, parametric_map_path
from batchmri.outputs.rows import common_source
from batchmri.pipeline.aggregate import AggregatedStudy, aggregate
from batchmri.pipeline.dicom.dicom_sources import SourceHeaderError, class_codes, study_facts
from batchmri.pipeline.dicom.parametric_maps import heat_map_of, heat_maps
from batchmri.pipeline.run.provenance import known_card
from batchmri.records import Classes, SeriesKey
from batchmri.settings import Settings
from batchmri.state.dicom import DicomObject
from batchmri.state.store import Store

FOLDER = "dicom"
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
_NAMED = 5
Built = tuple[str, str, Dataset]
"""Kind of an object, its path relative to the output folder, and the object."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A study without DICOM objects, or an object that was not sent, and why."""

    study_uid: str
    source: str
    detail: str


@dataclass(slots=True)
class DicomTotals:
    """Counts of studies and objects, and the failures."""

    studies: int = 0
    objects: int = 0
    written: int = 0
    nifti: int = 0
    without_map: list[str] = field(default_factory=list)  # sources of series without heat map
    failures: list[Failure] = field(default_factory=list)


def update_dicom_results(
    store: Store,
    classes: Classes,
    settings: Settings,
    output: Path,
    kinds: Sequence[str],
    *,
    check: Callable[[], None] = lambda: None,
) -> DicomTotals:
    """Write the objects of new and changed studies, and remove those of studies that are gone.

    The folder is readable by its owner only, because the objects contain the patient's identity. A
    study whose source headers cannot be read is a failure. Each study is committed separately.
    `check` is called before each study and may raise an exception to end the update early. Raises
    OutputError.
    """
    _make_private_folder(output / FOLDER)
    writer = _Writer(store, classes, class_codes(known_card(store)), output, tuple(kinds))
    totals = DicomTotals()
    for uid, results in store.series.studies():
        check()
        study = aggregate(uid, results, classes, settings)
        if study.deciding is None:
            writer.remove(uid)
        elif study.deciding_result.series.format != "dicom":
            totals.nifti += 1
        else:
            _update_study(writer, study, totals)
    for uid in list(store.dicom.studies()):
        if not store.studies.is_known(uid):
            writer.remove(uid)
    return totals


def write_dicom_results(
    store: Store,
    classes: Classes,
    settings: Settings,
    output: Path,
    console: Console,
    check: Callable[[], None],
) -> int:
    """Write the objects that the settings request, and log the outcome; returns the failures."""
    kinds = settings.report.dicom_results
    totals = update_dicom_results(store, classes, settings, output, kinds, check=check)
    report_totals(console, totals, output)
    return len(totals.failures)


def report_totals(console: Console, totals: DicomTotals, output: Path) -> None:
    """Log what was written, and each failure with its source and reason."""
    for failure in totals.failures:
        console.warn("no DICOM results", study=failure.source, reason=failure.detail)
    if totals.nifti:
        console.log("NIfTI studies have no DICOM results", studies=totals.nifti)
    if totals.without_map:
        named = totals.without_map[:_NAMED]
        console.log(
            "no Parametric Map; a scan with --dicom-results pm writes missing heat maps",
            series=len(totals.without_map),
            sources=", ".join(named) + (", …" if len(totals.without_map) > _NAMED else ""),
        )
    console.log(
        "DICOM results",
        studies=totals.studies,
        objects=totals.objects,
        written=totals.written,
        folder=output / FOLDER,
    )


def _update_study(writer: "_Writer", study: AggregatedStudy, totals: DicomTotals) -> None:
    totals.studies += 1
    try:
        n_written, objects = writer.update(study, totals.without_map)
    except SourceHeaderError as error:
        detail = str(error)
    except (BatchmriError, OSError, MemoryError):
        raise
    except Exception as error:  # highdicom rejects an attribute; the text may contain its value
        detail = f"the objects cannot be built ({type(error).__name__})"
    else:
        totals.written += n_written
        totals.objects += len(objects)
        return
    writer.remove(study.uid)
    source = common_source([r.series.source for r in study.results])
    totals.failures.append(Failure(study.uid, source, detail))


@dataclass(frozen=True, slots=True)
class _Writer:
    store: Store
    classes: Classes
    codes: Mapping[str, ClassCode]
    output: Path
    kinds: tuple[str, ...]

    def update(
        self, study: AggregatedStudy, without_map: list[str]
    ) -> tuple[int, tuple[DicomObject, ...]]:
        """Write the objects of a study unless they are up to date.

        Returns the number of files that changed, and all objects. The sources of series without a
        heat map are added to `without_map`.
        """
        montage = self._montage(study.uid)
        maps, missing = heat_maps(study, self.output) if "pm" in self.kinds else ({}, [])
        without_map += missing
        digest = self._digest(study, montage, maps)
        known_digest, known = self.store.dicom.get(study.uid) or ("", ())
        paths = {one.path for one in known}.union(parametric_map_path(key) for key in maps)
        if known_digest == digest and len(paths) == len(known) and self._exist(paths):
            return 0, known
        objects: list[DicomObject] = []
        n_written = 0
        with warnings.catch_warnings(action="ignore"), config.disable_value_validation():
            facts = study_facts(self.store, study, self.classes, self.codes)
            built = list(self._build(facts, montage))
            for kind, path, ds in chain(built, self._maps(study, facts, maps, without_map)):
                n_written += self._write(path, ds)
                objects.append(DicomObject(kind, path, str(ds.SOPInstanceUID)))
        self._remove_files(study.uid, {self.output / one.path for one in objects})
        self.store.dicom.put(study.uid, digest, tuple(objects))
        return n_written, tuple(objects)

    def _exist(self, paths: Iterable[str]) -> bool:
        return all((self.output / path).is_file() for path in paths)

    def remove(self, study_uid: str) -> None:
        """Remove the objects of a study."""
        if self.store.dicom.get(study_uid) is not None:
            self._remove_files(study_uid, set())
            self.store.dicom.drop(study_uid)

    def _montage(self, study_uid: str) -> tuple[str, Path] | None:
        exported = self.store.studies.get(study_uid)
        path = self.output / montage_path(study_uid)
        if exported is None or not exported.montage or not path.is_file():
            return None
        return exported.montage, path

    def _digest(
        self,
        study: AggregatedStudy,
        montage: tuple[str, Path] | None,
        maps: Mapping[SeriesKey, str],
    ) -> str:
        made_from: tuple[object, ...] = (
            CONTENT_VERSION,
            self.kinds,
            study.version,
            study.deciding,
            sorted(study.verdicts.items()),
            montage and montage[0],
            sorted(self.codes.items()),
        )
        if maps:
            made_from = (*made_from, sorted(maps.items()))
        return hashlib.blake2b(repr(made_from).encode(), digest_size=16).hexdigest()

    def _build(self, facts: StudyFacts, montage: tuple[str, Path] | None) -> Iterator[Built]:
        folder = dicom_folder(facts.study_uid)
        png = montage[1].read_bytes() if montage else None
        for name in DICOM_OBJECTS.names():
            build = DICOM_OBJECTS.load(name).build if name in self.kinds else None
            if build is not None and (ds := build(facts, png)) is not None:
                yield name, f"{folder}/{name}.dcm", ds

    def _maps(
        self,
        study: AggregatedStudy,
        facts: StudyFacts,
        maps: Mapping[SeriesKey, str],
        without_map: list[str],
    ) -> Iterator[Built]:
        """Parametric Maps, one at a time; a series that cannot have one does not affect others."""
        results = {result.series.key: result for result in study.results}
        for key, series in zip(study.verdicts, facts.series, strict=True):
            if key not in maps:
                continue
            result, shown = results[key], study.verdicts[key].shown_class
            try:
                heat = heat_map_of(self.store, result, series, shown, self.output)
                ds = parametric_map(study.uid, series, heat, result.model_digest)
            except SourceHeaderError as error:
                without_map.append(f"{result.series.source} ({error})")
            except (BatchmriError, OSError, MemoryError):
                raise
            except Exception as error:  # highdicom rejects the geometry
                without_map.append(f"{result.series.source} ({type(error).__name__})")
            else:
                yield "pm", parametric_map_path(key), ds

    def _write(self, path: str, ds: Dataset) -> bool:
        encoded = io.BytesIO()
        ds.save_as(encoded, enforce_file_format=True)
        with NewFile(self.output / path, _FILE_MODE) as new:
            new.write(encoded.getvalue())
        return new.changed

    def _remove_files(self, study_uid: str, keep: set[Path]) -> None:
        folder = self.output / dicom_folder(study_uid)
        for path in folder.glob("*"):
            if path not in keep and path.suffix in (".dcm", ".tmp"):
                with suppress(OSError):
                    path.unlink()
        if not keep:
            with suppress(OSError):
                folder.rmdir()


def _make_private_folder(folder: Path) -> None:
    try:
        make_folder(folder.parent)
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        if folder.stat().st_mode & 0o777 != _FOLDER_MODE:
            folder.chmod(_FOLDER_MODE)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be created ({error.strerror})") from None
