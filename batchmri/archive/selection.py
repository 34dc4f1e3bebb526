"""Select the series to classify. The rules, in the order in which they are checked:

1. refused when it was read or assembled (no pixels, color, screen capture, further volume …)
2. `not_mr`: a modality that the settings do not select (NIfTI is MR unless its name says CT)
3. `not_brain`: the header names another body part, or the images are too small for a human head
4. `localizer`: by Image Type or description, or few slices in several planes
5. `other_sequence`: a sequence that the settings do not select
6. `not_brain`: the header names a phantom or an animal (checked after the sequence)
7. `derived`: a map, phase, projection or subtraction. The value DERIVED alone does not count, nor
   does a reformat of an acquisition (MPR) or a component that shows anatomy (water, in phase)
8. `too_few_slices`
9. `localizer`: few slices with a large spacing
"""

import re
from collections.abc import Iterator

from batchmri.reasons import Reason
from batchmri.records import Decision, Series
from batchmri.settings.sections import SelectionSettings
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


def select(series: Series, rules: SelectionSettings) -> Decision:
    """Decide whether to classify a series; the first rule that excludes it gives the reason."""
    objection = next(_objections(series, rules), None)
    return Decision(True) if objection is None else Decision(False, *objection)


def _objections(series: Series, rules: SelectionSettings) -> Iterator[tuple[Reason, str]]:
    header = series.header
    if series.refusal is not None:
        yield series.refusal, series.detail
    if (series.format == "dicom" or header.modality) and header.modality not in rules.modalities:
        yield Reason.NOT_MR, header.modality or "modality not stated"
    if header.body_part not in ("", BRAIN, *NO_PATIENT):
        yield Reason.NOT_BRAIN, header.body_part
    size = _field_of_view(series)
    if size and max(size) < _SMALLEST_HEAD_MM:
        yield Reason.NOT_BRAIN, f"field of view of {size[0]:.0f} x {size[1]:.0f} mm"
    localizer = _localizer_detail(series)
    if localizer:
        yield Reason.LOCALIZER, localizer
    if not rules.all_sequences and series.sequence not in rules.sequences:
        yield Reason.OTHER_SEQUENCE, series.sequence
    if header.body_part in NO_PATIENT:
        yield Reason.NOT_BRAIN, header.body_part
    derived = _derived_detail(series)
    if derived:
        yield Reason.DERIVED, derived
    if len(series.slices) < rules.min_slices:
        yield Reason.TOO_FEW_SLICES, f"{len(series.slices)} of at least {rules.min_slices}"
    if _has_wide_spacing(series):
        yield Reason.LOCALIZER, f"slices {series.slice_spacing:.0f} mm apart"


def _field_of_view(series: Series) -> tuple[float, float] | None:
    """Return height and width in mm, or None if the pixel size is unknown.

    A pixel size of 1 mm in a DICOM object is a default value of the writer.
    """
    default = series.format == "dicom" and series.pixel_spacing == (1.0, 1.0)
    if series.pixel_spacing is None or default:
        return None
    between_rows, between_columns = series.pixel_spacing
    return between_rows * series.rows, between_columns * series.columns


def _localizer_detail(series: Series) -> str:
    if _LOCALIZER_TYPES & set(series.header.image_type):
        return "by Image Type"
    if series.sequence == "localizer":
        return "by description"
    if "several_planes" in series.flags and len(series.slices) <= _LOCALIZER_MAX_SLICES:
        return "few slices in several planes"
    return ""


def _has_wide_spacing(series: Series) -> bool:
    few = len(series.slices) <= _LOCALIZER_MAX_SLICES
    return few and (series.slice_spacing or 0) > _LOCALIZER_SPACING_MM


def _derived_detail(series: Series) -> str:
    types = [value for value in series.header.image_type if value in DERIVED]
    if types:
        return types[0]
    description = series.header.series_description
    found = _DERIVED_WORDS.search(normalized(description)) or _SIEMENS_MAP.search(description)
    if series.format == "dicom":  # in the name of a BIDS file, `sub` begins the subject
        found = found or _SUBTRACTION.search(normalized(description))
    return "by description" if found else ""
