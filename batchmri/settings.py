"""All settings, with validation.

Precedence: flag > environment (`BATCHMRI_…`) > config file > model card > default. In the
environment, section and setting are separated by `__`: `BATCHMRI_VERDICT__TOP_SLICES=5`. The
preparation of images is not a setting: it belongs to the model and is stored in its card.
"""

import os
import re
import sys
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from batchmri.config_sources import environment, read_yaml, variable
from batchmri.errors import SettingsError
from batchmri.settings_messages import Contradiction, Origins, contradiction, example, explain


class _Section(BaseModel):
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
        return _split(value) if get_origin(kind) is tuple else value


def _split(text: str) -> list[str]:
    """Split `a, b` or a YAML or JSON list `["a", "b"]`; `[ab]*` is a single glob."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]") and ("," in text or '"' in text):
        try:
            found = yaml.safe_load(text)
        except yaml.YAMLError:
            found = None
        if isinstance(found, list) and all(isinstance(item, str) for item in found):
            return found
    return [part.strip() for part in text.split(",")]


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


_LABEL = re.compile(r"[\w-][\w.-]*")


def _labels(value: object) -> object:
    """Convert a mapping or texts `LABEL=PATH` to a mapping of labels to paths."""
    texts = _split(value) if isinstance(value, str) else value
    if isinstance(texts, Mapping):
        pairs = [(str(label), path) for label, path in texts.items()]
    elif isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts):
        pairs = [(label, path) for label, _, path in (text.partition("=") for text in texts)]
    else:
        return value
    if len({label for label, _ in pairs}) < len(pairs):
        raise ValueError("a label is used twice")
    if not all(_LABEL.fullmatch(label) and path for label, path in pairs):
        raise ValueError("the label or the path is missing")
    return dict(pairs)


_COUNT_OR_AUTO = "a whole number of at least 1, or auto"


class ArchiveSettings(_Section):
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
    root_labels: Annotated[dict[str, str], BeforeValidator(_labels)] = Field(
        {},
        description="Names of scanned folders in tables and in made-up UIDs: LABEL=PATH. Without "
        "one, the name of the folder.",
        **_allowed("LABEL=PATH with a label of letters, digits, '.', '_' and '-'"),
    )
    file_timeout_s: float = Field(60.0, gt=0, description="Seconds one file may take to read.")


class SelectionSettings(_Section):
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


class PixelSettings(_Section):
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


class ClassifierSettings(_Section):
    """The model and what it runs on."""

    model: Path | None = Field(None, description="Checkpoint (default: the shipped model).")
    device: Annotated[str, StringConstraints(pattern=r"^(auto|cpu|cuda(:\d+)?)$")] = Field(
        "auto", description="auto, cpu, cuda or cuda:N.", **_allowed("auto, cpu, cuda or cuda:N")
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto", description="auto: bf16 where the processor has it, fp16 on CUDA, else fp32."
    )
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        "auto", description="Slices per batch.", **_allowed(_COUNT_OR_AUTO)
    )


_REMOVED = "without_contrast_confidence"


class VerdictSettings(_Section):
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
    min_class_share_without_contrast: float = Field(
        0.0,
        ge=0,
        le=1,
        description="The same without contrast, or if contrast is not stated.",
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
        """Drop the removed setting of version 0.1, with a warning on stderr."""
        if isinstance(given, dict) and _REMOVED in given:
            print(
                f"warning: verdict.{_REMOVED} was removed and is ignored; "
                "see verdict.notumor_below_without_contrast",
                file=sys.stderr,
            )
            return {key: value for key, value in given.items() if key != _REMOVED}
        return given

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


class ReportSettings(_Section):
    """Tables and pictures."""

    gradcam: Annotated[str, StringConstraints(pattern=r"^(all|none|top:[1-9]\d*)$")] = Field(
        "top:3",
        description="top:K (the deciding slices, and others up to K), all or none.",
        **_allowed("top:K with K of at least 1, all or none"),
    )
    gradcam_notumor: bool = Field(False, description="Also draw series without a tumor.")
    slices: Literal["all", "deciding", "none"] = Field(
        "all", description="Rows of slices.csv: all, those that decided or were drawn, none."
    )
    descriptions: bool = Field(True, description="Write series_description and manufacturer.")
    identifiers: bool = Field(
        False, description="Write patient id, name, birth date, accession number and study date."
    )
    group_readable: bool = Field(False, description="Let the group read tables and pictures.")


def _duration(value: object) -> object:
    """Parse `90s`, `10m`, `1h30m`, `2d`, or a number of seconds; leave other values to pydantic."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text.isascii() and text.isdigit():
        text += "s"
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd])\s*", text, re.ASCII)
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*([smhd])\s*", "", text, flags=re.ASCII):
        return value
    try:
        return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))
    except OverflowError:
        raise ValueError("too long") from None


def _duration_text(value: timedelta | None) -> str | None:
    """Format a duration for `_duration`, in the largest unit that divides it."""
    if value is None:
        return None
    seconds = value.total_seconds()
    unit = next((u for u in "dhm" if seconds and seconds % _SECONDS[u] == 0), "s")
    return f"{seconds / _SECONDS[unit]:.6f}".rstrip("0").rstrip(".") + unit


def _or_none(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() in ("none", "null") else value


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION_WORDS = "a time such as 90s, 10m, 6h or 2d"
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(_duration_text, when_used="json"),
]
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%", re.ASCII)


def _max_failures(value: object) -> object:
    """Check `N` or `P%` (P at most 100), and return it as text; YAML parses N as a number."""
    text = str(value).strip() if isinstance(value, str | int) else ""
    percent = _PERCENT.fullmatch(text)
    if not (re.fullmatch(r"\d+", text, re.ASCII) or (percent and float(percent[1]) <= 100)):
        raise ValueError("neither a number nor a percentage")
    return text


class NightSettings(_Section):
    """Scheduled runs over a growing archive."""

    settle: Duration = Field(
        timedelta(0),
        ge=timedelta(0),
        description="A study waits until its files have not changed for this time, such as 10m.",
        **_allowed(_DURATION_WORDS),
    )
    time_budget: Annotated[Duration | None, BeforeValidator(_or_none)] = Field(
        None,
        gt=timedelta(0),
        description="Stop cleanly after this time, such as 6h.",
        **_allowed(f"{_DURATION_WORDS}, more than none"),
    )
    max_failures: Annotated[
        Annotated[str, BeforeValidator(_max_failures)] | None, BeforeValidator(_or_none)
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


class Settings(_Section):
    """All settings."""

    archive: ArchiveSettings = ArchiveSettings()
    selection: SelectionSettings = SelectionSettings()
    pixels: PixelSettings = PixelSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    verdict: VerdictSettings = VerdictSettings()
    report: ReportSettings = ReportSettings()
    night: NightSettings = NightSettings()

    _origins: Origins = PrivateAttr(default_factory=Origins)

    @classmethod
    def load(
        cls,
        config: Path | None = None,
        names: Mapping[str, str] | None = None,
        **flags: dict[str, Any],
    ) -> Self:
        """Merge config file, environment and flags (None means not given).

        `names` maps settings to their flags for messages (`night.settle` → `--settle`). Raises
        SettingsError with a one-line message: where a value was set, what was given and what is
        allowed.
        """
        merged: dict[str, Any] = {}
        origins = Origins()
        for section, values in (read_yaml(config) if config else {}).items():
            merged[str(section)] = {} if values is None else values
            origins[str(section)] = f"config file {config}: {section}"
            if isinstance(values, Mapping):
                merged[str(section)] = {str(key): value for key, value in values.items()}
                origins |= {
                    f"{section}.{k}": f"config file {config}: {section}.{k}" for k in values
                }
        given = [(setting, text, variable(setting)) for setting, text in environment().items()]
        for section, values in flags.items():
            for key, value in values.items():
                setting = f"{section}.{key}"
                if value is not None:
                    given.append((setting, value, (names or {}).get(setting, setting)))
        for setting, value, name in given:
            section, _, key = setting.partition(".")
            if not isinstance(merged.setdefault(section, {}), dict):
                continue  # a section in the config file is not a mapping: reported below
            if key:
                merged[section][key] = value
            elif section not in cls.model_fields:
                merged[section] = value
            else:
                raise SettingsError(f"{name}: names a section; set {example(section, _fields())}")
            origins[setting] = name
        try:
            settings = cls.model_validate(merged)
        except ValidationError as error:
            raise SettingsError(explain(error, origins, _fields())) from None
        settings._origins = origins
        return settings

    def with_model_rules(self, rules: Mapping[str, Any]) -> Self:
        """Return these settings, with rules that are not set taken from a model card.

        Raises SettingsError if the card has unknown rules, or rules that contradict the settings.
        """
        card = {f"verdict.{key}": f"model card: verdict.{key}" for key in rules}
        origins = Origins(card | self._origins)
        merged = dict(rules) | self.verdict.model_dump(exclude_unset=True)
        try:
            whole = type(self).model_validate({"verdict": merged})
            whole.verdict.check_pairs(VerdictSettings.model_fields)
        except ValidationError as error:
            raise SettingsError(explain(error, origins, _fields())) from None
        except Contradiction as error:
            raise SettingsError(contradiction(error, origins)) from None
        settings = self.model_copy(update={"verdict": whole.verdict})
        settings._origins = origins
        return settings

    def name(self, setting: str) -> str:
        """Name of the source of a setting: flag, variable, or config file and key."""
        return self._origins.name(setting)

    def dump(self) -> str:
        """The effective settings as YAML, in the format of a config file."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def first_error(error: ValidationError) -> tuple[str, ErrorDetails]:
    """The location (`a.b`; empty for the whole document) of the first error, and the error."""
    first = error.errors()[0]
    return ".".join(str(part) for part in first["loc"]), first


def _fields() -> dict[str, FieldInfo]:
    """All settings by their full names."""
    return {
        f"{section}.{key}": field
        for section, outer in Settings.model_fields.items()
        for key, field in section_model(outer).model_fields.items()
    }


def section_model(field: FieldInfo) -> type[BaseModel]:
    """The pydantic model of a section of the settings."""
    assert isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    return field.annotation
