r"""Parse the `descrip` field of a NIfTI or Analyze header: 80 characters of free text.

SPM writes `3T 3D GR TR=2300ms/TE=2.98ms/FA=9deg 12-Jan-2010 12:00:00`, dcm2niix `TE=2.98;Time=…`.
Other programs write the sequence, or their own name. Only numbers and codes are kept.
"""

import re
from dataclasses import replace

from batchmri.formats.dicom.header_fields import SCANNING
from batchmri.header import Header
from batchmri.terms.sequence import sequence_in_words

_NUMBER = r"(?<![A-Za-z]){} ?= ?(\d{{1,5}}(?:[.,]\d{{1,6}})?)(?![\d.]|e[+-])"
_REPETITION, _ECHO, _INVERSION, _FLIP = (
    re.compile(_NUMBER.format(name)) for name in ("TR", "TE", "TI", "FA")
)
_SCANNING = re.compile(r"(?<![A-Za-z\d])[23]D ([A-Z\\/ ]+?)(?= T[RE]=)")


def with_description(header: Header, raw: bytes) -> Header:
    """Return the header with missing values filled from `raw`, the stored `descrip` field.

    Times are in ms.
    """
    text = raw.split(b"\0", 1)[0].decode("latin-1")
    scanned = _SCANNING.search(text)
    codes = re.split(r"[^A-Z]", scanned[1]) if scanned else []
    return replace(
        header,
        named_sequence=header.named_sequence or sequence_in_words(text),
        scanning_sequence=header.scanning_sequence
        or "\\".join(code for code in codes if code in SCANNING),
        repetition_time=_value_or_match(header.repetition_time, _REPETITION, text),
        echo_time=_value_or_match(header.echo_time, _ECHO, text),
        inversion_time=_value_or_match(header.inversion_time, _INVERSION, text),
        flip_angle=_value_or_match(header.flip_angle, _FLIP, text),
    )


def _value_or_match(stated: float | None, pattern: re.Pattern[str], text: str) -> float | None:
    found = pattern.search(text)
    return float(found[1].replace(",", ".")) if stated is None and found else stated
