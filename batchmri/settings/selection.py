"""Section `selection` of the settings."""

from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from batchmri.settings.section import Section, allowed_values

Sequence = Literal[
    "t1",
    "t1_contrast",
    "t2",
    "pd",
    "flair",
    "dwi",
    "adc",
    "swi",
    "mra",
    "perfusion",
    "bold",
    "localizer",
    "quantitative",
    "unknown",
]


class SelectionSettings(Section):
    """Which series are classified."""

    modalities: tuple[Annotated[str, StringConstraints(min_length=1, to_upper=True)], ...] = Field(
        ("MR",),
        min_length=1,
        description="Modalities to classify.",
        **allowed_values("DICOM modalities such as MR, at least one"),
    )
    min_slices: int = Field(5, ge=1, description="Minimum number of slices of a series.")
    sequences: tuple[Sequence, ...] = Field(
        ("t1", "t1_contrast", "unknown"),
        min_length=1,
        description="Sequences to classify, as estimated from the header.",
        **allowed_values(f"at least one of {', '.join(get_args(Sequence))}"),
    )
    all_sequences: bool = Field(False, description="Classify series of every sequence.")
