"""What the files beside a NIfTI image say of it: its JSON sidecars, and that it has b-values.

Of several, those of the folders above a BIDS image among them, the nearest counts, key by key.
Keys are those of BIDS and dcm2niix (times in seconds). Only numbers, known codes, the manufacturer
and what free text names are kept. A sidecar that is no such object, too large, or no regular file
says nothing, and the image is flagged `sidecar_ignored`.
"""

import errno
import json
import os
import stat
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace

from batchmri.formats.dicom.header_fields import SCANNING
from batchmri.formats.nifti.bids import sidecar_stems
from batchmri.links import may_open
from batchmri.records import Header
from batchmri.terms.body_part import body_part_of
from batchmri.terms.coded_values import IMAGE_TYPES, modality_code
from batchmri.terms.contrast import contrast_of, is_agent
from batchmri.terms.sequence import named_sequence

_IGNORED = "sidecar_ignored"
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_BYTES = 2**20
_MAX_TEXT = 1024
_MAX_NUMBER = 1e6

Said = Mapping[str, object]


def with_sidecar(header: Header, image_path: str, depth: int) -> tuple[Header, frozenset[str]]:
    """The header, filled with what the files beside the image say, and flags.

    `depth` is how many folders of its path may be looked into: those up to the root.
    """
    own, *above = sidecar_stems(image_path, depth)
    if os.path.lexists(own + ".bval"):
        header = replace(header, named_sequence="dwi")
    contents = [_content(stem + ".json", image_path, depth) for stem in (own, *above)]
    parsed = [_parsed(content) for content in contents if content is not None]
    said = [one for one in parsed if one is not None]
    flags = frozenset({_IGNORED} if len(said) < len(parsed) else ())
    return (_filled(header, ChainMap(*said)) if said else header), flags


def _content(path: str, image_path: str, depth: int) -> bytes | None:
    """The bytes of a sidecar, one more than are read where it is too large; None without one.

    A link that leads out of the root is not followed.
    """
    try:
        descriptor = os.open(path, _READ | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.ELOOP or not may_open(path, image_path, depth):
            return b""
        try:
            descriptor = os.open(path, _READ)
        except OSError:
            return b""
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return file.read(_MAX_BYTES + 1)


def _parsed(content: bytes) -> dict[str, object] | None:
    if len(content) > _MAX_BYTES:
        return None
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):  # no JSON, no text, or nested without end
        return None
    return said if isinstance(said, dict) else None


def _filled(header: Header, said: Said) -> Header:
    texts = tuple(_text(said, key) for key in ("SeriesDescription", "ProtocolName"))
    pulse = _text(said, "PulseSequenceName") or _text(said, "SequenceName")
    named = header.named_sequence or named_sequence(texts, pulse, "")
    types = dict.fromkeys(word for word in _words(said, "ImageType") if word in IMAGE_TYPES)
    scanning = tuple(word for word in _words(said, "ScanningSequence") if word in SCANNING)
    return replace(
        header,
        modality=modality_code(_text(said, "Modality")) or header.modality,
        manufacturer=_text(said, "Manufacturer"),
        image_type=tuple(types),
        body_part=header.body_part or body_part_of(*texts, _text(said, "BodyPartExamined")),
        named_sequence=named,
        scanning_sequence="\\".join(scanning),
        echo_time=_milliseconds(said, "EchoTime"),
        repetition_time=_milliseconds(said, "RepetitionTime"),
        inversion_time=_milliseconds(said, "InversionTime"),
        flip_angle=_number(said, "FlipAngle"),
        contrast_agent=contrast_of(header.series_description, _agent(said), texts),
    )


def _agent(said: Said) -> bool | None:
    stated = (
        is_agent(_text(said, key)) for key in ("ContrastBolusIngredient", "ContrastBolusAgent")
    )
    return next((one for one in stated if one is not None), None)


def _text(said: Said, key: str) -> str:
    value = said.get(key)
    return value[:_MAX_TEXT].strip() if isinstance(value, str) else ""


def _words(said: Said, key: str) -> tuple[str, ...]:
    """Coded values, of a list or of one text that joins them."""
    value = said.get(key)
    if isinstance(value, str):
        value = value[:_MAX_TEXT].replace("\\", "_").split("_")
    if not isinstance(value, list):
        return ()
    return tuple(word.upper() for word in value if isinstance(word, str))


def _number(said: Said, key: str) -> float | None:
    value = said.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _MAX_NUMBER else None


def _milliseconds(said: Said, key: str) -> float | None:
    seconds = _number(said, key)
    return None if seconds is None else seconds * 1000
