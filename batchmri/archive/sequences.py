"""Which sequence a series is, as its header tells it: words first, then times.

The words stand in sequence_words.py. Times are those of clinical scanners, 1.5 to 3 T.
"""

import re

from batchmri.archive import sequence_words as table
from batchmri.archive.vocabulary import normalised
from batchmri.records import Header

UNKNOWN = "unknown"

_BETWEEN = r"(?<![a-z0-9+]){}(?![a-z0-9+*])"


def _compiled(table: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((code, re.compile(_BETWEEN.format(f"(?:{words})"))) for code, words in table)


_WORDS = _compiled(table.WORDS)
_PULSE_SEQUENCES = tuple((code, re.compile(names)) for code, names in table.PULSE_SEQUENCES)
_WITH = re.compile(_BETWEEN.format(f"(?:{table.CONTRAST})"))
_WITHOUT = re.compile(_BETWEEN.format(f"(?:{table.NO_CONTRAST})"))


def sequence_of(header: Header, source_name: str) -> str:
    """The sequence of a series: t1, t1_contrast, t2, pd, flair, dwi, adc, swi, mra, perfusion,
    bold, localizer, or unknown where nothing tells.

    Asked in this order: the b-value, the series description, what the other texts of the header
    name, the file name (`source_name`, NIfTI only: its BIDS suffix or words), the times.
    """
    if header.b_value:
        return "dwi"
    named = (
        sequence_in_words(header.series_description)
        or header.named_sequence
        or _in_file_name(source_name)
        or _by_times(header)
    )
    if named == "pd t2":
        named = "pd" if (header.echo_time or 0) < 50 else "t2"
    if named == "t1" and header.contrast_agent:
        return "t1_contrast"
    return named or UNKNOWN


def sequence_in_words(text: str) -> str:
    """The sequence that a text names, or nothing; `pd t2` where it names both."""
    words = normalised(text)
    code = next((code for code, pattern in _WORDS if pattern.search(words)), "")
    return _with_contrast(code, words)


def _with_contrast(code: str, words: str) -> str:
    given = code == "t1" and _WITH.search(words) and not _WITHOUT.search(words)
    return "t1_contrast" if given else code


def named_sequence(texts: tuple[str, ...], pulse_sequence: str, contrast_code: str) -> str:
    """What the other texts of a DICOM header name, the most telling first."""
    told = next(filter(None, map(sequence_in_words, texts)), "")
    if told or contrast_code in table.ACQUISITION_CONTRASTS:
        return told or table.ACQUISITION_CONTRASTS[contrast_code]
    name = pulse_sequence.lower().lstrip("*_ ")
    return next((code for code, pattern in _PULSE_SEQUENCES if pattern.match(name)), "")


def _in_file_name(name: str) -> str:
    stem = name.lower().split(".")[0]
    by_suffix = table.BIDS_SUFFIXES.get(stem.rsplit("_", 1)[-1], "")
    return _with_contrast(by_suffix, normalised(stem)) or sequence_in_words(stem)


def _by_times(header: Header) -> str:
    """By repetition, echo and inversion time in ms, where the header states them."""
    repetition, echo, inversion = header.repetition_time, header.echo_time, header.inversion_time
    kinds = header.scanning_sequence.split("\\")
    if repetition is None or echo is None or repetition <= 0 or echo <= 0:
        return ""
    if "EP" in kinds and echo >= 15:
        return "dwi" if "SE" in kinds else "bold"
    if inversion:
        return _by_inversion(repetition, echo, inversion)
    if "GR" in kinds and "SE" not in kinds:
        return _by_gradient_echo(repetition, echo, header.flip_angle)
    if repetition <= 1200 and echo <= 35:
        return "t1"
    if repetition >= 1500:
        return "t2" if echo >= 60 else "pd" if echo <= 45 else ""
    return ""


def _by_inversion(repetition: float, echo: float, inversion: float) -> str:
    if inversion >= 1400 and echo >= 60:
        return "flair"
    if inversion < 300 and echo >= 20:
        return "t2"
    return "t1" if echo <= 35 and inversion >= 300 and repetition < 4000 else ""


def _by_gradient_echo(repetition: float, echo: float, flip_angle: float | None) -> str:
    if echo >= 15:
        return "swi"
    if flip_angle is None or echo > 10:
        return ""
    if repetition <= 60:
        return "t1" if flip_angle >= 8 else ""
    return "t1" if repetition <= 1000 and flip_angle >= 50 else ""
