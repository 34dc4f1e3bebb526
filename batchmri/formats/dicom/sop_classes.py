"""Determine which DICOM objects can never be classified, and why."""

from pydicom.uid import UID

from batchmri.identifiers import OWN_NAME, OWN_UID_ROOT
from batchmri.reasons import Reason

MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
# Objects that contain pixels, but no image from a scanner (PS3.4 B.5).
_NOT_AN_IMAGE = frozenset(
    _STORAGE + end
    for end in (
        "30",  # Parametric Map
        "66", "66.1", "66.2", "66.3", "66.4", "66.5", "66.6", "66.7", "66.8",
        # (raw data, registrations, segmentations, surfaces)
        "67",  # Real World Value Mapping
        "77.1.1.1", "77.1.2.1", "77.1.4.1",  # video of endoscopes, microscopes and cameras
        "481.2",  # RT Dose
    )
)  # fmt: skip
_COLOR = ("RGB", "YBR", "PALETTE", "ARGB", "CMYK", "HSV")
_VIDEO = tuple(f"1.2.840.10008.1.2.4.{number}" for number in range(100, 109))
_REFERENCED = ("1.2.840.10008.1.2.4.94", "1.2.840.10008.1.2.4.95")  # JPIP: pixels on a server
_CAPTURED = frozenset(("DV", "DI", "DF", "WSD", "SD", "SI", "DRW"))  # Conversion Type
_CAPTURED_IMAGE_TYPES = frozenset(("SCREEN SAVE", "SCREENSHOT", "SECONDARY CAPTURE", "PASTED"))

# Storage classes whose objects do not belong to a patient: protocols and inventories.
_WITHOUT_STUDY = tuple(f"{_STORAGE}{end}." for end in (200, 201))

ReasonDetail = tuple[Reason, str]


def name_of_uid(uid: str) -> str:
    """Return the registered name of a UID, else the UID itself; empty if there is none."""
    return UID(uid).name if uid else ""


def belongs_to_study(sop_class: str) -> bool:
    """Return whether objects of this class have a Study Instance UID; true if none is stated."""
    if sop_class.startswith(_WITHOUT_STUDY):
        return False
    return not sop_class or sop_class.startswith(_STORAGE)


def is_own(manufacturer: str, model: str, instance_uid: str) -> bool:
    """Return whether batchmri created the object; a name like "batchmri phantom" does not count."""
    return OWN_NAME in (manufacturer, model) or instance_uid.startswith(OWN_UID_ROOT)


def refusal_by_kind(sop_class: str, has_pixels: bool) -> ReasonDetail | None:
    """Return the reason if this kind of object contains no image."""
    if not has_pixels:
        return Reason.NO_PIXEL_DATA, name_of_uid(sop_class)
    if sop_class in _NOT_AN_IMAGE:
        return Reason.UNSUPPORTED_OBJECT, name_of_uid(sop_class)
    return None


def refusal_by_image(
    sop_class: str,
    conversion: str,
    image_type: tuple[str, ...],
    photometric: str,
    samples: int,
    burned_in: str,
) -> ReasonDetail | None:
    """Return the reason if the image is a screen capture, in color, or has burned-in text."""
    if sop_class == _SECONDARY_CAPTURE or sop_class.startswith(_SECONDARY_CAPTURE + "."):
        return Reason.SECONDARY_CAPTURE, name_of_uid(sop_class)
    if conversion in _CAPTURED or _CAPTURED_IMAGE_TYPES & set(image_type):
        return Reason.SECONDARY_CAPTURE, "according to Conversion Type or Image Type"
    if samples > 1 or photometric.startswith(_COLOR):
        return Reason.COLOR, next((c for c in _COLOR if photometric.startswith(c)), "")
    if burned_in == "YES":
        return Reason.BURNED_IN_ANNOTATION, ""
    return None


def refusal_by_syntax(transfer_syntax: str) -> ReasonDetail | None:
    """Return the reason if the transfer syntax is video, JPIP or not registered."""
    if transfer_syntax in _VIDEO:
        return Reason.UNSUPPORTED_OBJECT, f"video, {name_of_uid(transfer_syntax)}"
    uid = UID(transfer_syntax)
    if transfer_syntax and (not uid.is_transfer_syntax or transfer_syntax in _REFERENCED):
        return Reason.UNSUPPORTED_TRANSFER_SYNTAX, name_of_uid(transfer_syntax)
    return None
