"""Interface of a kind of DICOM object (`batchmri.extensions.DICOM_OBJECTS`)."""

from collections.abc import Callable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from batchmri.outputs.dicom.facts import StudyFacts


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A kind of DICOM object; `name` is the one under which it is registered.

    `build` makes the object of a study from its facts and its montage (PNG; None if it has none),
    or returns None if this study has no such object. A kind without `build` has one object per
    series, which the scan makes itself.
    """

    name: str
    series_number: int
    description: str
    sop_class: str
    build: Callable[[StudyFacts, bytes | None], Dataset | None] | None = None
