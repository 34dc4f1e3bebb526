"""Read the files that accompany a NIfTI image: JSON sidecars, and whether it has b-values.

Sidecars in folders above a BIDS image apply too. For each key, the nearest sidecar takes
precedence. Keys are those of BIDS and dcm2niix (times in seconds). Only numbers, known codes, the
manufacturer, and the body part and sequence named by free text are kept. A sidecar that is not a
JSON object, too large, or not a regular file is ignored, and the image is flagged
`sidecar_ignored`.
"""

import errno
import json
import os
import stat
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from batchmri.formats.dicom.header_fields import SCANNING
from batchmri.formats.nifti.bids import sidecar_stems
from batchmri.header import STATED, Header, Stated
from batchmri.links import may_open
from batchmri.terms.body_part import body_part_of
from batchmri.terms.coded_values import IMAGE_TYPES, modality_code
from batchmri.terms.contrast import contrast_of, is_agent
from batchmri.terms.sequence import named_sequence

_IGNORED = "sidecar_ignored"
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_BYTES = 2**20
_MAX_TEXT = 1024
_MAX_NUMBER = 1e6

Sidecar = Mapping[str, object]


def with_sidecar(header: Header, image_path: str, depth: int) -> tuple[Header, frozenset[str]]:
    """Return the header with values from the files that accompany the image, and flags.

    `depth` is the number of folders in the path from the root to the image; only these are
    searched.
    """
    nearest, *above = sidecar_stems(image_path, depth)
    if os.path.lexists(nearest + ".bval"):
        header = replace(header, named_sequence="dwi")
    contents = [_content(stem + ".json", image_path, depth) for stem in (nearest, *above)]
    parsed = [_parsed(content) for content in contents if content is not None]
    sidecars = [one for one in parsed if one is not None]
    flags = frozenset({_IGNORED} if len(sidecars) < len(parsed) else ())
    return (_filled(header, ChainMap(*sidecars)) if sidecars else header), flags


def _content(path: str, image_path: str, depth: int) -> bytes | None:
    """Return the bytes of a sidecar, at most `_MAX_BYTES` + 1; None if it does not exist.

    Empty if the sidecar cannot be read. A link that leads out of the root is not followed.
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
        sidecar = json.loads(content)
    except (ValueError, RecursionError):  # not JSON, not text, or nested too deeply
        return None
    return sidecar if isinstance(sidecar, dict) else None


def _filled(header: Header, sidecar: Sidecar) -> Header:
    texts = tuple(_text(sidecar, key) for key in ("SeriesDescription", "ProtocolName"))
    pulse = _text(sidecar, "PulseSequenceName") or _text(sidecar, "SequenceName")
    named = header.named_sequence or named_sequence(texts, pulse, "")
    types = dict.fromkeys(word for word in _words(sidecar, "ImageType") if word in IMAGE_TYPES)
    scanning = tuple(word for word in _words(sidecar, "ScanningSequence") if word in SCANNING)
    return replace(
        header,
        modality=modality_code(_text(sidecar, "Modality")) or header.modality,
        manufacturer=_text(sidecar, "Manufacturer"),
        image_type=tuple(types),
        body_part=header.body_part or body_part_of(*texts, _text(sidecar, "BodyPartExamined")),
        named_sequence=named,
        scanning_sequence="\\".join(scanning),
        contrast_agent=contrast_of(header.series_description, _agent(sidecar), texts),
        **{name: _stated(sidecar, one) for name, one in STATED.items() if one.in_sidecar},
    )


def _agent(sidecar: Sidecar) -> bool | None:
    stated = (
        is_agent(_text(sidecar, key)) for key in ("ContrastBolusIngredient", "ContrastBolusAgent")
    )
    return next((one for one in stated if one is not None), None)


def _text(sidecar: Sidecar, key: str) -> str:
    value = sidecar.get(key)
    return value[:_MAX_TEXT].strip() if isinstance(value, str) else ""


def _words(sidecar: Sidecar, key: str) -> tuple[str, ...]:
    """Return coded values from a list, or from one text that joins them."""
    value = sidecar.get(key)
    if isinstance(value, str):
        value = value[:_MAX_TEXT].replace("\\", "_").split("_")
    if not isinstance(value, list):
        return ()
    return tuple(word.upper() for word in value if isinstance(word, str))


def _number(sidecar: Sidecar, key: str) -> float | None:
    value = sidecar.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < _MAX_NUMBER else None


def _stated(sidecar: Sidecar, one: Stated) -> Any:
    value = _number(sidecar, one.keyword)
    if value is None:
        return None
    number = value * 1000 if one.unit == "ms" else value
    return int(number) if one.whole else number
