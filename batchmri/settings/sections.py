"""The sections of the settings: one frozen pydantic model each."""

import os
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from batchmri.extensions import BACKENDS, ENGINES
from batchmri.renamed import without_removed
from batchmri.settings.messages import Contradiction
from batchmri.settings.values import (
    DURATION_WORDS,
    Duration,
    failure_limit,
    labels,
    or_none,
    registered,
    split,
)


class Section(BaseModel):
    """Base of all sections: frozen, and strict about keys and values."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _plain_text(cls, value: object, info: ValidationInfo) -> object:
        """Accept comma-separated text for a list; reject values that pydantic converts silently."""
        assert info.field_name is not None
        kind = cls.model_fields[info.field_name].annotation
        if isinstance(value, bool) and kind is not bool:
            raise ValueError("true and false are not allowed here")
        if not isinstance(value, str):
            return value
        if not value.strip():
            raise ValueError("empty")
        return split(value) if get_origin(kind) is tuple else value


def _allowed(words: str) -> dict[str, Any]:
    """Description of the allowed values of a setting, if its type does not state them."""
    return {"json_schema_extra": {"allowed": words}}


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


_COUNT_OR_AUTO = "a whole number of at least 1, or auto"


class ArchiveSettings(Section):
    """Walking and reading headers."""

    exclude: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field(
        (),
        description="Globs of paths below a root to leave out.",
        **_allowed("globs such as *.tmp"),
    )
    follow_links: bool = Field(False, description="Follow symbolic links that leave a root.")
    nifti_study: Literal["file", "folder"] = Field(
        "file", description="How NIfTI files outside BIDS trees are grouped into studies."
    )
    root_labels: Annotated[dict[str, str], BeforeValidator(labels)] = Field(
        {},
        description="Names of scanned folders in tables and in made-up UIDs: LABEL=PATH. Without "
        "one, the name of the folder.",
        **_allowed("LABEL=PATH with a label of letters, digits, '.', '_' and '-'"),
    )
    file_timeout_s: float = Field(60.0, gt=0, description="Seconds one file may take to read.")


class SelectionSettings(Section):
    """Which series are classified."""

    modalities: tuple[Annotated[str, StringConstraints(min_length=1, to_upper=True)], ...] = Field(
        ("MR",),
        min_length=1,
        description="Modalities taken.",
        **_allowed("DICOM modalities such as MR, at least one"),
    )
    min_slices: int = Field(5, ge=1, description="Fewest slices of a series.")
    sequences: tuple[Sequence, ...] = Field(
        ("t1", "t1_contrast", "unknown"),
        min_length=1,
        description="Sequences taken, as estimated from the header.",
        **_allowed(f"at least one of {', '.join(get_args(Sequence))}"),
    )
    all_sequences: bool = Field(False, description="Classify series of every sequence.")


class PixelSettings(Section):
    """Decoding."""

    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Decoding processes; auto: one per core, at most 8.",
        **_allowed(_COUNT_OR_AUTO),
    )
    memory_mb: int = Field(1024, ge=64, description="Memory limit for decoded slices, MB.")
    max_file_mb: int = Field(
        2048, ge=1, description="Largest size of one file, and of all NIfTI volumes in memory, MB."
    )

    @property
    def n_workers(self) -> int:
        """The number of decoding processes."""
        if self.workers == "auto":
            return min(8, len(os.sched_getaffinity(0)))
        return self.workers


class ClassifierSettings(Section):
    """The model and what it runs on."""

    model: Path | None = Field(None, description="Checkpoint (default: the shipped model).")
    calibration: Path | None = Field(
        None, description="Verdict rules of this site, written by batchmri calibrate (YAML)."
    )
    backend: Annotated[str, AfterValidator(registered(BACKENDS, "auto"))] = Field(
        "auto",
        description="Library that runs the network; auto: openvino on CPUs, torch on CUDA.",
        **_allowed("auto, openvino, torch, or a backend of an installed package"),
    )
    device: Annotated[str, StringConstraints(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = Field(
        "auto", description="auto, cpu, cuda or cuda:N.", **_allowed("auto, cpu, cuda or cuda:N")
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 where the processor has it, fp16 on CUDA, else fp32."
    )
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="Slices per batch.", **_allowed(_COUNT_OR_AUTO)
    )


class EngineSettings(Section):
    """What runs the work of a scan."""

    name: Annotated[str, AfterValidator(registered(ENGINES))] = Field(
        "local",
        description="local: worker processes on this machine; ray: a Ray cluster.",
        **_allowed("local, ray, or an engine of an installed package"),
    )
    ray_address: str | None = Field(
        None,
        description="Address of a Ray cluster (auto: the one of this machine); without one, the "
        "engine ray starts one on this machine.",
    )
    actors: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto",
        description="Processes of the engine ray that run the model; auto: one per GPU, or one "
        "per machine.",
        **_allowed(_COUNT_OR_AUTO),
    )


class VerdictSettings(Section):
    """Verdict rules; rules that are not set are taken from the model card."""

    top_slices: int = Field(3, ge=1, description="Minimum number of adjacent slices that decide.")
    run_fraction: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Adjacent slices that decide, as a fraction of the eligible slices.",
    )
    min_box_fraction: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A slice with a brain box below this share of the largest does not decide.",
    )
    temperature: Annotated[float | None, BeforeValidator(or_none)] = Field(
        None,
        gt=0,
        description="Temperature of the probabilities; none: that of the model card.",
        **_allowed("a number above 0, or none"),
    )
    tumor_above: float = Field(
        0.5, ge=0, le=1, description="A tumor is reported at this p_tumor or above."
    )
    notumor_below: float = Field(
        0.5, ge=0, le=1, description="No tumor is reported at this p_tumor or below."
    )
    min_confidence: float = Field(
        0.5, ge=0, le=1, description="A leading class below this is indeterminate."
    )
    min_class_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="A tumor class with a smaller share of p_tumor is reported as tumor; "
        "0: always report the class, 1: never.",
    )
    min_class_shares: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=1)]], BeforeValidator(labels)
    ] = Field(
        {},
        description="min_class_share of single classes: CLASS=SHARE.",
        **_allowed("CLASS=SHARE with a share from 0 to 1"),
    )
    min_class_share_without_contrast: float = Field(
        0.0,
        ge=0,
        le=1,
        description="The same for a series without contrast, according to header or images.",
    )
    max_distance: float = Field(
        1.0, gt=0, description="A series with a higher ood_score is out of distribution."
    )
    brain_distance: float = Field(
        1.5, gt=0, description="A series with a higher ood_score does not look like a brain."
    )
    min_t1: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Below this probability of T1 weighting, a series looks like another sequence.",
    )
    min_contrast: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Below this probability of contrast, a series counts as without contrast.",
    )
    notumor_below_without_contrast: float = Field(
        0.1,
        ge=0,
        le=1,
        description="No tumor is reported at this p_tumor or below if contrast is not stated.",
    )

    @model_validator(mode="before")
    @classmethod
    def _without_removed(cls, given: Any) -> Any:
        """Drop settings of version 0.1 that were removed, with a warning on stderr."""
        return without_removed("verdict", given) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        # Check only the given settings; the others are taken from the model card later.
        self.check_pairs(self.model_fields_set)
        return self

    def check_pairs(self, names: Collection[str]) -> None:
        """Raise Contradiction if two of the named settings exclude each other."""
        for lower, upper in (("notumor_below", "tumor_above"), ("max_distance", "brain_distance")):
            if {lower, upper} <= set(names) and getattr(self, lower) > getattr(self, upper):
                raise Contradiction(lower, getattr(self, lower), upper, getattr(self, upper))


DicomKind = Literal["sr", "sc", "kos", "pm"]


class ReportSettings(Section):
    """Tables and pictures."""

    formats: tuple[Annotated[str, StringConstraints(min_length=1, to_lower=True)], ...] = Field(
        ("csv",),
        description="Formats of the tables: csv (always written), parquet, jsonl.",
        **_allowed("a list of csv, parquet and jsonl"),
    )
    gradcam: Annotated[str, StringConstraints(pattern=r"^(all|none|top:[1-9]\d*)$")] = Field(
        "top:3",
        description="top:K (the deciding slices, and others up to K), all or none.",
        **_allowed("top:K with K of at least 1, all or none"),
    )
    html: bool = Field(True, description="Write the HTML report in OUT/report.")
    heatmaps: Literal["none", "nifti"] = Field(
        "none", description="Heat map of each classified series as a NIfTI volume in its space."
    )
    gradcam_notumor: bool = Field(False, description="Also draw series without a tumor.")
    slices: Literal["all", "deciding", "none"] = Field(
        "all", description="Rows of slices.csv: all, those that decided or were drawn, none."
    )
    descriptions: bool = Field(True, description="Write series_description and manufacturer.")
    on_study: Annotated[str, StringConstraints(min_length=1)] | None = Field(
        None,
        description="Command to run for every finished study, with its JSON on standard input.",
        **_allowed("a program and its arguments"),
    )
    on_study_timeout: Duration = Field(
        timedelta(minutes=1),
        gt=timedelta(0),
        description="Time that this command may take, such as 60s.",
        **_allowed(DURATION_WORDS),
    )
    identifiers: bool = Field(
        False, description="Write patient id, name, birth date, accession number and study date."
    )
    group_readable: bool = Field(False, description="Let the group read tables and pictures.")
    dicom_results: tuple[DicomKind, ...] = Field(
        (),
        description="DICOM objects to write: structured report (sr), montage (sc), key images "
        "(kos), heat maps (pm, which switches on heatmaps = nifti).",
        **_allowed(f"one or more of {', '.join(get_args(DicomKind))}"),
    )

    @property
    def writes_heatmaps(self) -> bool:
        """Whether heat maps are written as NIfTI volumes; Parametric Maps are made from them."""
        return self.heatmaps == "nifti" or "pm" in self.dicom_results


class ScheduleSettings(Section):
    """Scheduled runs over a growing archive."""

    settle: Duration = Field(
        timedelta(0),
        ge=timedelta(0),
        description="A study waits until its files have not changed for this time, such as 10m.",
        **_allowed(DURATION_WORDS),
    )
    time_budget: Annotated[Duration | None, BeforeValidator(or_none)] = Field(
        None,
        gt=timedelta(0),
        description="Stop cleanly after this time, such as 6h.",
        **_allowed(f"{DURATION_WORDS}, more than none"),
    )
    max_failures: Annotated[
        Annotated[str, BeforeValidator(failure_limit)] | None, BeforeValidator(or_none)
    ] = Field(
        None,
        description="Stop after this many new failures: N, or P% of the series of this run.",
        **_allowed("a number such as 5, or a percentage up to 100% such as 5%"),
    )
    metrics_file: Path | None = Field(
        None, description="Prometheus text file, for node_exporter's textfile collector."
    )

    def too_many(self, failed: int, total: int) -> bool:
        """Whether `failed` of `total` exceeds the limit."""
        if self.max_failures is None:
            return False
        if self.max_failures.endswith("%"):
            return failed > float(self.max_failures[:-1]) / 100 * total
        return failed > int(self.max_failures)
