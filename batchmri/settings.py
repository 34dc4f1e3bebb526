"""Every setting, validated once: flag > environment (`BATCHMRI_…`) > config file > default.

Nested settings are named by `__` in the environment: `BATCHMRI_VERDICT__TOP_SLICES=5`.
Preparation is not here: it belongs to the model and travels in its card.
"""

import difflib
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import ErrorDetails

from batchmri.errors import SettingsError

_PREFIX = "BATCHMRI_"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ArchiveSettings(_Section):
    """Walking and reading headers."""

    exclude: tuple[str, ...] = Field((), description="Globs of paths below a root to leave out.")
    follow_links: bool = Field(False, description="Follow symbolic links that leave a root.")
    nifti_study: Literal["file", "folder"] = Field(
        "file", description="What joins NIfTI files outside BIDS trees into a study."
    )
    file_timeout_s: float = Field(60.0, gt=0, description="Seconds one file may take to read.")


class SelectionSettings(_Section):
    """Which series are classified."""

    modalities: tuple[str, ...] = Field(("MR",), description="Modalities taken.")
    min_slices: int = Field(5, ge=1, description="Fewest slices of a series.")
    sequences: tuple[str, ...] = Field(
        ("t1", "t1_contrast", "unknown"), description="Sequences taken, as the header tells them."
    )
    all_sequences: bool = Field(False, description="Take every sequence.")


class PixelSettings(_Section):
    """Decoding."""

    workers: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="Decoding processes; auto: one per core, at most 8."
    )
    memory_mb: int = Field(1024, ge=64, description="Decoded slices held ahead of the network, MB.")
    max_file_mb: int = Field(
        2048, ge=1, description="Largest size of one file, and of all NIfTI volumes in memory, MB."
    )

    @property
    def n_workers(self) -> int:
        """The number of decoding processes."""
        if self.workers == "auto":
            return min(8, len(os.sched_getaffinity(0)))
        return self.workers


class ClassifierSettings(_Section):
    """The model and what it runs on."""

    model: Path | None = Field(None, description="Checkpoint; none: the one that ships.")
    device: Annotated[str, StringConstraints(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = Field(
        "auto", description="auto, cpu, cuda or cuda:N."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 where the processor has it, fp16 on CUDA, else fp32."
    )
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="Slices per batch."
    )


class VerdictSettings(_Section):
    """From slices to series to study. What is not set here is taken from the model's card."""

    top_slices: int = Field(3, ge=1, description="Neighbouring slices that decide, at least.")
    run_fraction: float = Field(
        0.05, ge=0, le=1, description="Neighbouring slices that decide, as a share of the series."
    )
    min_box_fraction: float = Field(
        0.5,
        ge=0,
        le=1,
        description="A slice with a brain box below this share of the largest does not decide.",
    )
    tumor_above: float = Field(
        0.5, ge=0, le=1, description="A tumour is called from this probability of any tumour on."
    )
    notumor_below: float = Field(
        0.5, ge=0, le=1, description="No tumour is called up to this probability of any tumour."
    )
    min_confidence: float = Field(
        0.5, ge=0, le=1, description="A leading class below this is indeterminate."
    )
    max_distance: float = Field(
        1.0, gt=0, description="Further from the training pictures is out of the model's field."
    )
    brain_distance: float = Field(
        1.5, gt=0, description="Further from the training pictures does not look like a brain."
    )
    min_t1: float = Field(
        0.5, ge=0, le=1, description="Less likely T1-weighted looks like another sequence."
    )
    min_contrast: float = Field(
        0.5, ge=0, le=1, description="Less likely after contrast counts as without."
    )
    without_contrast_confidence: float = Field(
        0.75, ge=0, le=1, description="Highest confidence of no tumour without contrast."
    )

    def over(self, card: dict[str, Any]) -> Self:
        """These settings, with the card's where nothing was set. Raises SettingsError."""
        try:
            return type(self).model_validate(card | self.model_dump(exclude_unset=True))
        except ValidationError as error:
            where, first = first_error(error)
            raise SettingsError(
                f"verdict rules of the model's card: {where}: {first['msg']}"
            ) from None


class ReportSettings(_Section):
    """Tables and pictures."""

    gradcam: Annotated[str, StringConstraints(pattern=r"^(all|none|top:[1-9]\d*)$")] = Field(
        "top:3", description="top:K, all or none."
    )
    gradcam_notumor: bool = Field(False, description="Draw series without tumour as well.")
    slices: Literal["all", "deciding", "none"] = Field(
        "all", description="Rows of slices.csv: all, those that decided or were drawn, none."
    )
    descriptions: bool = Field(True, description="Write series_description and manufacturer.")
    identifiers: bool = Field(
        False, description="Write patient id, name, birth date, accession number and study date."
    )
    group_readable: bool = Field(False, description="Let the group read tables and pictures.")


def _duration(value: object) -> object:
    """`90s`, `10m`, `6h` and `2d`; anything else is left to pydantic."""
    if isinstance(value, str) and (given := re.fullmatch(r"(\d+)\s*([smhd])", value.strip())):
        return timedelta(seconds=int(given[1]) * _SECONDS[given[2]])
    return value


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class NightSettings(_Section):
    """Runs by a timer over an archive that grows."""

    settle: Duration = Field(
        timedelta(0), description="A study waits while a file of it is younger, such as 10m."
    )
    time_budget: Duration | None = Field(
        None, description="Stop cleanly after this time, such as 6h."
    )
    max_failures: Annotated[str, StringConstraints(pattern=r"^\d+%?$")] | None = Field(
        None, description="Stop after so many new failures: N, or P% of the series of this run."
    )

    metrics_file: Path | None = Field(
        None, description="Prometheus text file, for node_exporter's textfile collector."
    )

    def too_many(self, failed: int, total: int) -> bool:
        """Whether `failed` of `total` passes the limit."""
        if self.max_failures is None:
            return False
        if self.max_failures.endswith("%"):
            return failed > int(self.max_failures[:-1]) / 100 * total
        return failed > int(self.max_failures)


class Settings(_Section):
    """The whole of it."""

    archive: ArchiveSettings = ArchiveSettings()
    selection: SelectionSettings = SelectionSettings()
    pixels: PixelSettings = PixelSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    verdict: VerdictSettings = VerdictSettings()
    report: ReportSettings = ReportSettings()
    night: NightSettings = NightSettings()

    @classmethod
    def load(cls, config: Path | None = None, **flags: dict[str, Any]) -> Self:
        """Merge config file, environment and flags (None means not given).

        Raises SettingsError with one line that names the nearest right key.
        """
        merged: dict[str, Any] = _read(config) if config else {}
        for layer in (_environment(), flags):
            for section, values in layer.items():
                given = {key: value for key, value in values.items() if value is not None}
                if isinstance(merged.setdefault(section, {}), dict):
                    merged[section] |= given
        try:
            return cls.model_validate(merged)
        except ValidationError as error:
            raise SettingsError(_explain(error, config)) from None

    def dump(self) -> str:
        """The effective settings as YAML."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def first_error(error: ValidationError) -> tuple[str, ErrorDetails]:
    """Where the first thing that is not valid stands (`a.b`; empty: the whole), and its error."""
    first = error.errors()[0]
    return ".".join(str(part) for part in first["loc"]), first


def _read(config: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"config file {config}: {str(error).splitlines()[0]}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"config file {config}: expected sections such as 'verdict:'")
    return content


def _environment() -> dict[str, dict[str, Any]]:
    layer: dict[str, dict[str, Any]] = {}
    for name, text in os.environ.items():
        if name.startswith(_PREFIX):
            section, _, key = name.removeprefix(_PREFIX).lower().partition("__")
            value = yaml.safe_load(text)
            layer.setdefault(section, {})[key] = value
    return layer


def _explain(error: ValidationError, config: Path | None) -> str:
    where, first = first_error(error)
    origin = f" (in {config}, the environment or the flags)" if config else ""
    if first["type"] != "extra_forbidden":
        return f"setting {where}: {first['msg'].lower()}, got {first['input']!r}{origin}"
    near = difflib.get_close_matches(where, _names(), n=1, cutoff=0.0)
    return f"unknown setting {where}{origin}; did you mean {near[0]}?"


def _names() -> list[str]:
    sections = Settings.model_fields
    return [*sections, *(f"{s}.{key}" for s in sections for key in _fields(s))]


def _fields(section: str) -> list[str]:
    kind = Settings.model_fields[section].annotation
    assert isinstance(kind, type) and issubclass(kind, BaseModel)
    return list(kind.model_fields)
