"""Section `report` of the settings."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from batchmri.extensions import DICOM_OBJECTS
from batchmri.settings.section import Section, allowed_values
from batchmri.settings.values import DURATION_WORDS, Duration, registered

DicomKind = Annotated[str, AfterValidator(registered(DICOM_OBJECTS))]


class ReportSettings(Section):
    """Tables and pictures."""

    formats: tuple[Annotated[str, StringConstraints(min_length=1, to_lower=True)], ...] = Field(
        ("csv",),
        description="Formats of the tables: csv (always written), parquet, jsonl.",
        **allowed_values("a list of csv, parquet and jsonl"),
    )
    gradcam: Annotated[str, StringConstraints(pattern=r"^(all|none|top:[1-9]\d*)$")] = Field(
        "top:3",
        description="Drawn slices: top:K (the deciding ones, and others up to K), all or none.",
        **allowed_values("top:K with K of at least 1, all or none"),
    )
    html: bool = Field(True, description="Write the HTML report in OUT/report.")
    heatmaps: Literal["none", "nifti"] = Field(
        "none",
        description="Also write heat maps as NIfTI volumes in the space of their series.",
    )
    gradcam_notumor: bool = Field(False, description="Also draw series without a tumor.")
    slices: Literal["all", "deciding", "none"] = Field(
        "all", description="Rows of slices.csv: all, only deciding and drawn slices, or none."
    )
    descriptions: bool = Field(True, description="Write series_description and manufacturer.")
    on_study: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        None,
        description="Command to run for every finished study, with its JSON on standard input.",
        **allowed_values("a program and its arguments"),
    )
    on_study_timeout: Duration = Field(
        timedelta(minutes=1),
        gt=timedelta(0),
        description="Time limit of the command of --on-study, such as 60s.",
        **allowed_values(DURATION_WORDS),
    )
    identifiers: bool = Field(
        False, description="Write patient ID, name, birth date, accession number and study date."
    )
    group_readable: bool = Field(False, description="Let the group read tables and pictures.")
    dicom_results: tuple[DicomKind, ...] = Field(
        (),
        description="DICOM objects to write: structured report (sr), montage (sc), key images "
        "(kos), heat maps (pm, which switches on heatmaps = nifti).",
        **allowed_values(f"one or more of {', '.join(DICOM_OBJECTS.built_in)}"),
    )

    @property
    def writes_heatmaps(self) -> bool:
        """Whether heat maps are written as NIfTI volumes; Parametric Maps are made from them."""
        return self.heatmaps == "nifti" or "pm" in self.dicom_results
