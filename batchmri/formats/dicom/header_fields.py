"""Convert the elements of a DICOM object to a Header: numbers, UIDs and known codes."""

from functools import lru_cache
from typing import Any, NamedTuple

from pydicom.datadict import tag_for_keyword

from batchmri.formats.dicom.dataset import Tags, whole_number
from batchmri.formats.dicom.parser import Element, Encoding
from batchmri.header import STATED, Header, Stated
from batchmri.identifiers import is_valid_uid
from batchmri.terms.body_part import body_part_of, is_phantom
from batchmri.terms.coded_values import IMAGE_TYPES, modality_code
from batchmri.terms.contrast import contrast_of, is_agent
from batchmri.terms.sequence import named_sequence, sequence_in_words

SHARED_GROUPS, FRAME_GROUPS = 0x52009229, 0x52009230
_MR_RECEIVE_COIL = 0x00189042
_MR_DIFFUSION = 0x00189117

SCANNING = ("SE", "IR", "GR", "EP", "RM")
_GE_DIRECTIONS = (0x001910E0, 0x001910BB, 0x001910BC, 0x001910BD)  # number; x, y, z of one
_COIL_BODY_PARTS = ("extremity", "chest", "heart")
_CODE_MEANING = 0x00080104


class _StatedElement(NamedTuple):
    """The elements in which a number of `Header` is stated; `group` is 0 if there is no group."""

    field: str
    whole: bool
    tag: int
    group: int
    frame_tag: int

    @classmethod
    def of(cls, field: str, one: Stated) -> "_StatedElement":
        frame_keyword = one.frame_keyword or one.keyword
        tags = (_tag(one.keyword), _tag(one.group) if one.group else 0, _tag(frame_keyword))
        return cls(field, one.whole, *tags)

    def read(self, tags: Tags, first: Tags, shared: Tags) -> Any:
        number = tags.number(self.tag)
        if number is None and self.group:
            number = _group(self.group, first, shared).number(self.frame_tag)
        return whole_number(number) if self.whole else number


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is not a DICOM keyword")
    return tag


_STATED = tuple(_StatedElement.of(field, one) for field, one in STATED.items())
STATED_TAGS = tuple(one.tag for one in _STATED)
_SERIES_LEVEL = (
    0x00080008, 0x00080016, 0x00080060, 0x00080070, 0x0008103E, 0x00081030, 0x00089209,
    0x00100010, 0x00100020, 0x00102201,
    0x00180010, 0x00180012, 0x00180015, 0x00180020, 0x00180022, 0x00180024, 0x00181030, 0x00181250,
    0x00189005, 0x00189008, 0x00189009, 0x00189018, 0x00189087, 0x0019100C, *_GE_DIRECTIONS,
    0x0043102F, 0x00431039, 0x00651009, 0x20011003, *STATED_TAGS,
)  # fmt: skip
"""The elements from which the header of a classic object is made."""
_CACHED_HEADERS = 256


def header_of(tags: Tags, transfer_syntax: str) -> Header:
    """Return the series-level values in one object of a series, classic or enhanced.

    Times are in ms. Free text (description, protocol, study, body part, pulse sequence) is searched
    for body part and sequence; only the text of the description is kept.
    """
    elements = None
    if SHARED_GROUPS not in tags and FRAME_GROUPS not in tags:
        elements = tags.elements(_SERIES_LEVEL)
    if elements is None:
        return _header_of(tags, transfer_syntax)
    return _classic_header(elements, *tags.context, transfer_syntax)


# Cached, because none of the few elements that differ between slices of a series is used here.
@lru_cache(maxsize=_CACHED_HEADERS)
def _classic_header(
    elements: tuple[tuple[int, Element], ...],
    encoding: Encoding,
    charsets: tuple[str, ...],
    transfer_syntax: str,
) -> Header:
    return _header_of(Tags(dict(elements), encoding, charsets), transfer_syntax)


def _header_of(tags: Tags, transfer_syntax: str) -> Header:
    shared = tags.item(SHARED_GROUPS)
    first = tags.item(FRAME_GROUPS)
    sop_class = tags.text(0x00080016)
    description, protocol, study = (tags.text(tag) for tag in (0x0008103E, 0x00181030, 0x00081030))
    return Header(
        modality=modality_code(tags.word(0x00080060), sop_class),
        manufacturer=tags.text(0x00080070),
        series_description=description,
        transfer_syntax=transfer_syntax,
        sop_class=sop_class if is_valid_uid(sop_class) else "",
        image_type=image_type_of(tags),
        body_part=_body_part(tags, description, protocol, study),
        named_sequence=named_sequence(
            (protocol,),
            tags.text(0x00180024) or tags.text(0x00189005),
            tags.word(0x00089209) or _group(0x00189226, first, shared).word(0x00089209),
        ),
        scanning_sequence="\\".join(_scanning_sequence(tags)),
        b_value=b_value_of(tags, _group(_MR_DIFFUSION, first, shared)),
        contrast_agent=contrast_of(description, _contrast_agent(tags), (protocol,)),
        **{one.field: one.read(tags, first, shared) for one in _STATED},
    )


def image_type_of(tags: Tags) -> tuple[str, ...]:
    """Return the known values of Image Type, each once."""
    values = (*tags.words(0x00080008), *_ge_component(tags))
    return tuple(dict.fromkeys(value for value in values if value in IMAGE_TYPES))


def b_value_of(tags: Tags, diffusion: Tags) -> float | None:
    """Return the b-value in s/mm², from the standard element or a private tag of the vendor."""
    stated = _first_number(tags.number(0x00189087), diffusion.number(0x00189087))
    if stated is not None:
        return stated
    vendor = tags.text(0x00080070).upper()
    if "SIEMENS" in vendor:
        return tags.number(0x0019100C, "IS")
    if vendor.startswith("GE"):
        coded = tags.number(0x00431039, "IS")  # b, or 10⁹ + b in some objects
        return coded % 100_000 if coded == 0 or (coded and _is_ge_diffusion(tags)) else None
    if "PHILIPS" in vendor:
        return tags.number(0x20011003, "FL")
    if vendor.startswith("UIH") or "UNITED IMAGING" in vendor:
        return tags.number(0x00651009, "FD")
    return None


def _is_ge_diffusion(tags: Tags) -> bool:
    """Return whether GE's private b-value is valid; other sequences store any number there.

    An image is diffusion-weighted if it is echo-planar, has directions, or its description says so
    (PROPELLER).
    """
    if "EP" in _scanning_sequence(tags) or any(tags.number(tag, "DS") for tag in _GE_DIRECTIONS):
        return True
    return any(
        sequence_in_words(tags.text(tag)) in ("dwi", "adc") for tag in (0x0008103E, 0x00181030)
    )


def _group(sequence: int, frame: Tags, shared: Tags) -> Tags:
    return frame.item(sequence) if sequence in frame else shared.item(sequence)


def _first_number(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _ge_component(tags: Tags) -> tuple[str, ...]:
    if not tags.text(0x00080070).upper().startswith("GE"):
        return ()
    coded = tags.integer(0x0043102F, "SS")
    return {1: ("P",), 2: ("R",), 3: ("I",)}.get(coded or 0, ())


def _body_part(tags: Tags, description: str, protocol: str, study: str) -> str:
    species = tags.text(0x00102201).lower()
    if species and "homo" not in species and "human" not in species:
        return "animal"
    if is_phantom(tags.text(0x00100010), tags.text(0x00100020)):
        return "phantom"
    named = body_part_of(description, protocol, tags.text(0x00180015), study)
    return named or _body_part_of_coil(tags)


def _body_part_of_coil(tags: Tags) -> str:
    """Return the body part of a coil made for it, or an empty string.

    Coils for head, neck and spine are ignored: they do not determine the body part.
    """
    shared = tags.item(SHARED_GROUPS).item(_MR_RECEIVE_COIL)
    part = body_part_of(tags.text(0x00181250) or shared.text(0x00181250))
    return part if part in _COIL_BODY_PARTS else ""


def _scanning_sequence(tags: Tags) -> tuple[str, ...]:
    stated = tuple(value for value in tags.words(0x00180020) if value in SCANNING)
    if stated:
        is_unstated_epi = "EP" not in stated and "EPI_GEMS" in tags.words(0x00180022)
        return ("EP", *stated) if is_unstated_epi else stated
    kinds = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")}
    kind = kinds.get(tags.word(0x00189008), ())
    echo_planar = ("EP",) if tags.word(0x00189018) == "YES" else ()
    return (*echo_planar, *kind, *(("IR",) if tags.word(0x00189009) == "YES" else ()))


def _contrast_agent(tags: Tags) -> bool | None:
    stated = is_agent(tags.text(0x00180010))
    if stated is not None:
        return stated
    items = tags.items(0x00180012)
    named = [is_agent(item.text(_CODE_MEANING)) for item in items]
    return any(named_agent is not False for named_agent in named) if items else None
