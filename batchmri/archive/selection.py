"""Select the series to classify, by an ordered list of rules.

The list in docs/archive.md is generated: `python -m batchmri.archive.selection`.
"""

import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from batchmri.extensions import SELECTION_RULES
from batchmri.reasons import Reason
from batchmri.records import Decision, Series
from batchmri.settings.selection import SelectionSettings
from batchmri.terms.body_part import BRAIN, NO_PATIENT, normalized
from batchmri.terms.coded_values import DERIVED

_LOCALIZER_TYPES = frozenset(("LOCALIZER", "SCOUT"))
_LOCALIZER_SPACING_MM = 15.0
_LOCALIZER_MAX_SLICES = 15
_SMALLEST_HEAD_MM = 80.0

_DERIVED_WORDS = re.compile(
    r"(?<![a-z0-9])(?:m[ai]?x? ?ip|min ?ip|mips?|mpr range mip|subtr\w*|differenz\w*|projection\w*"
    r"|vrt|volume rend\w*|3d rend\w*|[a-z0-9]*maps?(?:hz)?|mapping|mapit|gre field\w*|field ?hz"
    r"|magnitude[12]?"
    r"|(?<!in )(?<!opp )(?<!opposed )(?<!out )(?<!out of )(?<!no )(?<!swap )"
    r"phase\w*(?! (?:enc|over|wrap|os|fov|dir|correct|sensitive|navi))|ph(?= *$)"
    r"|part (?:real|imag\w*)|imag(?:inary)?|real(?= *$)|mp2 ?rage(?: \w+)* [rt][12] images"
    r"|(?:[rt]2(?: ?star)?|r1|pha) images|[rt][12] values?|q[rt][12]"
    r"|colou?r fa|colfa|r?cb[fv]|mtt|ttp|tmax|[zt]stat\w*|cope\d*|spm[tf]|probab\w*|quant\w*)"
    r"(?![a-z])"
)
_SUBTRACTION = re.compile(r"(?<![a-z0-9])sub(?! ?[0-9])(?![a-z])")
_SIEMENS_MAP = re.compile(r"_[RT][12](?:[Ss]tar)?_Images(?![A-Za-z])")
"""A map of MapIt or MP2RAGE: `T1_Images` after the protocol name. "T1 images" is not a map."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that excludes series with a reason.

    `excludes` returns the detail of the reason if it excludes a series, or None. Its docstring
    describes the rule in the documentation.
    """

    reason: Reason
    excludes: Callable[[Series, SelectionSettings], str | None]

    @property
    def name(self) -> str:
        """The name of the rule."""
        return self.excludes.__name__

    @property
    def description(self) -> str:
        """What the rule excludes, in one line."""
        return " ".join((inspect.getdoc(self.excludes) or "").split())


def select(series: Series, settings: SelectionSettings) -> Decision:
    """Decide whether to classify a series; the first rule that excludes it gives the reason.

    A series that was refused when it was read or assembled keeps that reason.
    """
    if series.refusal is not None:
        return Decision(False, series.refusal, series.detail)
    for rule in rules():
        detail = rule.excludes(series, settings)
        if detail is not None:
            return Decision(False, rule.reason, detail)
    return Decision(True)


@cache
def rules() -> tuple[Rule, ...]:
    """All rules in order: RULES, then those of other packages, which are sorted by name."""
    return (*RULES, *(SELECTION_RULES.load(name) for name in SELECTION_RULES.names()))


def other_modality(series: Series, settings: SelectionSettings) -> str | None:
    """Another modality, which for NIfTI is stated by the sidecar or the file name. `US` and `HU` in
    a file name that also contains an MR sequence are not modalities.
    """
    modality = series.header.modality
    states_none = series.format != "dicom" and not modality
    if states_none or modality in settings.modalities:
        return None
    return modality or "modality not stated"


def other_body_part(series: Series, settings: SelectionSettings) -> str | None:
    """A text names another body part, or the coil is made for a joint, the breast or the heart."""
    body_part = series.header.body_part
    return None if body_part in ("", BRAIN, *NO_PATIENT) else body_part


def small_field_of_view(series: Series, settings: SelectionSettings) -> str | None:
    """Both sides of the image are under 80 mm. Pixels of 1 mm do not count in DICOM, nor in NIfTI
    with a default affine, because programs write them when they do not know the size.
    """
    size = _field_of_view(series)
    if size is None or max(size) >= _SMALLEST_HEAD_MM:
        return None
    return f"field of view of {size[0]:.0f} x {size[1]:.0f} mm"


def localizer(series: Series, settings: SelectionSettings) -> str | None:
    """A localizer by Image Type, by words, or because it has few slices in several planes."""
    if _LOCALIZER_TYPES & set(series.header.image_type):
        return "by Image Type"
    if series.sequence == "localizer":
        return "by description"
    if "several_planes" in series.flags and len(series.slices) <= _LOCALIZER_MAX_SLICES:
        return "few slices in several planes"
    return None


def other_sequence(series: Series, settings: SelectionSettings) -> str | None:
    """The sequence is known and not selected by the settings."""
    selected = settings.all_sequences or series.sequence in settings.sequences
    return None if selected else series.sequence


def no_patient(series: Series, settings: SelectionSettings) -> str | None:
    """A text, or the name or ID of the patient, indicates a phantom; or a text or the species
    indicates an animal.
    """
    body_part = series.header.body_part
    return body_part if body_part in NO_PATIENT else None


def derived(series: Series, settings: SelectionSettings) -> str | None:
    """A map, phase image, projection or subtraction. Not `derived` are reformats (MPR), the water
    and in-phase images of a Dixon sequence, and images with only the value DERIVED in Image Type.
    """
    types = [value for value in series.header.image_type if value in DERIVED]
    if types:
        return types[0]
    description = series.header.series_description
    found = _DERIVED_WORDS.search(normalized(description)) or _SIEMENS_MAP.search(description)
    if series.format == "dicom":  # in the name of a BIDS file, `sub` begins the subject
        found = found or _SUBTRACTION.search(normalized(description))
    return "by description" if found else None


def too_few_slices(series: Series, settings: SelectionSettings) -> str | None:
    """Fewer slices than `selection.min_slices`."""
    n_slices = len(series.slices)
    return (
        f"{n_slices} of at least {settings.min_slices}" if n_slices < settings.min_slices else None
    )


def wide_spacing(series: Series, settings: SelectionSettings) -> str | None:
    """At most 15 slices that are more than 15 mm apart."""
    few = len(series.slices) <= _LOCALIZER_MAX_SLICES
    wide = (series.slice_spacing or 0) > _LOCALIZER_SPACING_MM
    return f"slices {series.slice_spacing:.0f} mm apart" if few and wide else None


RULES = (
    Rule(Reason.NOT_MR, other_modality),
    Rule(Reason.NOT_BRAIN, other_body_part),
    Rule(Reason.NOT_BRAIN, small_field_of_view),
    Rule(Reason.LOCALIZER, localizer),
    Rule(Reason.OTHER_SEQUENCE, other_sequence),
    Rule(Reason.NOT_BRAIN, no_patient),
    Rule(Reason.DERIVED, derived),
    Rule(Reason.TOO_FEW_SLICES, too_few_slices),
    Rule(Reason.LOCALIZER, wide_spacing),
)
"""The rules of this package, in the order in which they are checked."""


def _field_of_view(series: Series) -> tuple[float, float] | None:
    """Return height and width in mm, or None if the pixel size is unknown.

    A pixel size of 1 mm in a DICOM object is a default value of the writer.
    """
    default = series.format == "dicom" and series.pixel_spacing == (1.0, 1.0)
    if series.pixel_spacing is None or default:
        return None
    between_rows, between_columns = series.pixel_spacing
    return between_rows * series.rows, between_columns * series.columns


def listing() -> str:
    """The rules as the numbered list of docs/archive.md."""
    items = (f"`{rule.reason}`, rule `{rule.name}`: {rule.description}" for rule in RULES)
    return "".join(
        textwrap.fill(f"{n}. {item}", 103, subsequent_indent=" " * 3, break_on_hyphens=False) + "\n"
        for n, item in enumerate(items, 1)
    )


if __name__ == "__main__":
    print(listing(), end="")
