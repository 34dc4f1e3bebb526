"""Made-up results of a study, for the tests of DICOM objects."""

from dataclasses import replace

from pydicom.dataset import Dataset

from batchmri.outputs.dicom.attributes import source_attributes
from batchmri.outputs.dicom.facts import (
    ClassCode,
    SeriesFacts,
    SliceReference,
    SourceImage,
    SourceSeries,
    StudyFacts,
    series_facts,
)
from batchmri.reasons import VerdictReason
from batchmri.records import Classes, Verdict

MR = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
CLASSES = Classes(("glioma", "meningioma", "notumor", "pituitary"), "notumor")
CODES = (
    ("glioma", ClassCode("C3059", "NCIt", "Glioma")),
    ("meningioma", ClassCode("C3230", "NCIt", "Meningioma")),
)
PROBABILITIES = (0.91441, 0.05, 0.03, 0.00559)


def header(**tags: object) -> Dataset:
    """The header of a source instance."""
    ds = Dataset()
    values = {
        "PatientName": "Müller^Eva",
        "PatientID": "P-17",
        "PatientBirthDate": "19600102",
        "PatientSex": "F",
        "StudyInstanceUID": "1.2.3",
        "StudyDate": "20240506",
        "StudyTime": "101112",
        "AccessionNumber": "A1",
        "SeriesInstanceUID": "1.2.3.4",
        "FrameOfReferenceUID": "1.2.3.9",
    }
    for keyword, value in (values | tags).items():
        setattr(ds, keyword, value)
    return ds


def verdict(
    name: str = "glioma",
    reason: VerdictReason = VerdictReason.TUMOR,
    probabilities: tuple[float, ...] = PROBABILITIES,
) -> Verdict:
    return Verdict(name, max(probabilities), probabilities, 2, reason, deciding=(1, 2, 3))


def series(
    given: Verdict | None = None, *, frames: bool = False, n: int = 6, **tags: object
) -> SeriesFacts:
    """A series of `n` files, or with `frames` of one file with `n` frames."""
    given = given or verdict()
    sop_class = ENHANCED_MR if frames else MR
    uids = ["1.2.3.4.1"] * n if frames else [f"1.2.3.4.{k + 1}" for k in range(n)]
    images = tuple(SourceImage(uid, sop_class, 64, 48) for uid in dict.fromkeys(uids))
    return series_facts(
        given,
        CLASSES,
        SourceSeries(source_attributes(header(**tags)), images),
        series_uid="1.2.3.4",
        part="",
        number=3,
        deciding=tuple(
            SliceReference(uids[k], sop_class, k + 1 if frames else None) for k in given.deciding
        ),
        decides_study=True,
    )


def study(first: SeriesFacts | None = None, *more: SeriesFacts) -> StudyFacts:
    others = [replace(one, decides_study=False) for one in more]
    return StudyFacts("1.2.3", (first or series(), *others), CLASSES, CODES, "ab" * 32)
