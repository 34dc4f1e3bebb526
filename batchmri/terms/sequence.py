"""Determine the sequence of a series from its header: first by words, then by timing parameters.

The words are in sequence_patterns.py. Timing thresholds apply to clinical scanners of 1.5 to 3 T.
"""

import re

from batchmri.header import Header
from batchmri.terms import sequence_patterns as table
from batchmri.terms.body_part import normalized
from batchmri.terms.contrast import contrast_in_words, contrast_of

UNKNOWN = "unknown"

_BETWEEN = r"(?<![a-z0-9]){}(?![a-z0-9*])"


def _compiled(table: tuple[tuple[str, str], ...]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((code, re.compile(_BETWEEN.format(f"(?:{words})"))) for code, words in table)


_WORDS = _compiled(table.WORDS)
_PULSE_SEQUENCES = tuple((code, re.compile(names)) for code, names in table.PULSE_SEQUENCES)
_NAMES_T1, _NAMES_T2 = (
    re.compile(_BETWEEN.format(f"(?:{weighting})")) for weighting in (table.T1, table.T2)
)
_WEIGHTED = re.compile("b0*[1-9]")  # in the notation of frames.py: b00800
_ENTITY = re.compile(r"[a-z0-9]+-[a-z0-9+]+")


def sequence_of(header: Header, source_name: str, *, diffusion: bool = False) -> str:
    """Return the sequence of a series.

    One of t1, t1_contrast, t2, pd, flair, dwi, adc, swi, mra, perfusion, bold, quantitative,
    localizer, or unknown if nothing names or implies one.

    Evidence in order of precedence: the b-value (`diffusion`: a part of the series has one above
    0), the suffix of a BIDS name, the series description, the sequence named by other texts of the
    header, the file name (`source_name`, NIfTI only), the timing parameters.
    """
    if diffusion or (header.b_value or 0) > 0:
        return "dwi"
    description = header.series_description or source_name.split(".")[0]
    named = (
        _bids_sequence(source_name)
        or _bids_sequence(header.series_description)
        or _code_in_words(header.series_description)
        or header.named_sequence
        or _code_in_words(description)
    )
    sequence = _resolved(named, header) or _by_times(header) or UNKNOWN
    stated = contrast_of(description, header.contrast_agent)
    if sequence == "t1" and stated:
        return "t1_contrast"
    return "t1" if sequence == "t1_contrast" and stated is False else sequence


def has_b_value(time_point: str) -> bool:
    """Return whether the time point of a frame has a b-value above 0."""
    return _WEIGHTED.match(time_point) is not None


def contradicts_times(header: Header, sequence: str) -> bool:
    """Return whether the name says T1 and the timing T2 or FLAIR, or the reverse.

    Only spin echo and inversion recovery are checked, because the times of other sequences overlap.
    """
    kinds = header.scanning_sequence.split("\\")
    if {"GR", "EP"} & {*kinds} or not ("SE" in kinds or header.inversion_time):
        return False
    by_times = _by_times(header)
    if sequence in ("t1", "t1_contrast"):
        words = normalized(header.series_description)
        return by_times in ("t2", "flair") or ("flair" in words and not _NAMES_T1.search(words))
    return sequence in ("t2", "flair") and by_times == "t1"


def sequence_in_words(text: str) -> str:
    """Return the sequence that a text names, or an empty string; `pd t2` if it names both."""
    code = _code_in_words(text)
    code = _MOST_LIKELY.get(code, code)
    return "t1_contrast" if code == "t1" and contrast_in_words(text) else code


def named_sequence(texts: tuple[str, ...], pulse_sequence: str, contrast_code: str) -> str:
    """Return the sequence named by header texts other than the description, as a code.

    `texts` are in order of precedence, before Acquisition Contrast (`contrast_code`) and the name
    of the pulse sequence. `sequence_of` resolves codes for several sequences.
    """
    named = next(filter(None, map(_code_in_words, texts)), "")
    if named or contrast_code in table.ACQUISITION_CONTRASTS:
        return named or table.ACQUISITION_CONTRASTS[contrast_code]
    name = pulse_sequence.lower().lstrip("*_ ")
    return next((code for code, pattern in _PULSE_SEQUENCES if pattern.match(name)), "")


def _code_in_words(text: str) -> str:
    """Return the sequence that a text names, without contrast.

    The codes `pd t2`, `t1 flair` and `t1 t2 flair` are resolved by the timing parameters.
    """
    words = normalized(text)
    code = next((code for code, pattern in _WORDS if pattern.search(words)), "")
    if code not in ("flair", "tirm"):
        return code
    if _NAMES_T2.search(words):
        return "flair" if code == "flair" else "t2"
    if _NAMES_T1.search(words):
        return "t1"
    return "t1 flair" if code == "flair" else "t1 t2 flair"


_MOST_LIKELY = {"t1 flair": "flair", "t1 t2 flair": "t2"}


def _resolved(code: str, header: Header) -> str:
    """Return one sequence, chosen by timing parameters if the code allows several."""
    if code == "pd t2":
        return "pd" if (header.echo_time or 0) < 50 else "t2"
    by_times = _by_times(header) if header.inversion_time else ""
    if code in _MOST_LIKELY and by_times in code.split():
        return by_times
    return _MOST_LIKELY.get(code, code)


def _bids_sequence(name: str) -> str:
    """Return the sequence of the suffix of a BIDS name, or an empty string; entities are ignored.

    ReproIn names start with the datatype and optionally the suffix: `anat-T1w_acq-fast`.
    """
    first, *others = name.lower().split(".")[0].split("_")
    datatype, _, suffix = first.partition("-")
    if datatype in table.BIDS_DATATYPES and suffix in table.BIDS_SUFFIXES:
        return table.BIDS_SUFFIXES[suffix]
    if datatype not in table.BIDS_DATATYPES and not _ENTITY.fullmatch(first):
        return ""
    after = next((part for part in others if not _ENTITY.fullmatch(part)), "")
    return table.BIDS_SUFFIXES.get(after, "")


def _by_times(header: Header) -> str:
    """Return the sequence implied by repetition, echo and inversion time (ms), or an empty string.

    The flip angle (degrees) and Scanning Sequence are considered too.
    """
    repetition, echo, inversion = header.repetition_time, header.echo_time, header.inversion_time
    kinds = header.scanning_sequence.split("\\")
    if repetition is None or echo is None or repetition <= 0 or echo <= 0:
        return ""
    if "EP" in kinds and (echo >= 15 or "IR" not in kinds):
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
