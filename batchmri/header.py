"""The header of a series: what readers take from its files.

To read another number that headers state under a DICOM keyword, add one `stated(...)` field to
`Header`. The readers of DICOM and NIfTI and the version of the stored headers follow from it. With
a `description`, it is also a column of series.csv.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Stated:
    """How headers state a number, and how series.csv shows it.

    `keyword` is the DICOM keyword, and the key in the sidecar of a NIfTI file unless `in_sidecar`
    is False. In an enhanced object the number is `frame_keyword` (by default, the same keyword) in
    the functional group sequence `group`. `unit` is the unit in DICOM; sidecars state times in
    seconds. `description` describes the column; a number without one is not in the table.
    """

    keyword: str
    description: str = ""
    unit: str = ""
    whole: bool = False
    group: str = ""
    frame_keyword: str = ""
    in_sidecar: bool = True

    def column(self, name: str) -> str:
        """The name of the column of the field `name`: the unit is its ending."""
        return f"{name}_{self.unit}" if self.unit else name


def stated(keyword: str, **details: Any) -> Any:
    """A field of `Header` that contains a number; the arguments are those of `Stated`."""
    return field(default=None, metadata={"stated": Stated(keyword, **details)})


@dataclass(frozen=True, slots=True)
class Header:
    """Series-level header fields; empty or None if the header does not state them.

    Only `series_description` and `manufacturer` are free text from the header. All other fields
    are numbers, UIDs or known codes, so that a person's name in an unexpected header element is
    never copied. `body_part` and `named_sequence` are derived from all text elements of the header.
    """

    modality: str = ""
    manufacturer: str = ""
    series_description: str = ""
    # Not from sidecars: the number would not identify a series of NIfTI files.
    series_number: int | None = stated(
        "SeriesNumber", description="SeriesNumber in the header.", whole=True, in_sidecar=False
    )
    transfer_syntax: str = ""
    sop_class: str = ""
    image_type: tuple[str, ...] = ()
    body_part: str = ""
    named_sequence: str = ""
    scanning_sequence: str = ""
    echo_time: float | None = stated(
        "EchoTime", unit="ms", group="MREchoSequence", frame_keyword="EffectiveEchoTime"
    )
    repetition_time: float | None = stated(
        "RepetitionTime", unit="ms", group="MRTimingAndRelatedParametersSequence"
    )
    inversion_time: float | None = stated(
        "InversionTime", unit="ms", group="MRModifierSequence", frame_keyword="InversionTimes"
    )
    flip_angle: float | None = stated("FlipAngle", group="MRTimingAndRelatedParametersSequence")
    b_value: float | None = None
    contrast_agent: bool | None = None


STATED: Mapping[str, Stated] = {
    one.name: one.metadata["stated"] for one in fields(Header) if "stated" in one.metadata
}
"""The numbers in `Header` that are read as headers state them, by field."""
SHOWN = {name: one for name, one in STATED.items() if one.description}
"""Those that series.csv shows."""
