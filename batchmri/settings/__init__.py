"""All settings, with validation.

Precedence: flag > environment (`BATCHMRI_…`) > config file > calibration file > model card >
default. `verdict.min_class_share` also replaces the `verdict.min_class_shares` of later sources in
this list. In the environment, section and setting are separated by `__`:
`BATCHMRI_VERDICT__TOP_SLICES=5`. The preparation of images is not a setting: it belongs to the
model and is stored in its card.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, PrivateAttr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from batchmri.errors import SettingsError
from batchmri.renamed import SECTIONS, rename_keys, warn_renamed
from batchmri.settings.archive import ArchiveSettings
from batchmri.settings.classifier import ClassifierSettings
from batchmri.settings.engine import EngineSettings
from batchmri.settings.messages import Contradiction, Origins, contradiction, example, explain
from batchmri.settings.pixels import PixelSettings
from batchmri.settings.report import ReportSettings
from batchmri.settings.schedule import ScheduleSettings
from batchmri.settings.section import Section
from batchmri.settings.selection import SelectionSettings
from batchmri.settings.sources import environment, read_yaml, variable
from batchmri.settings.verdict import VerdictSettings, drop_replaced_shares

NamedRules = Sequence[tuple[str, Mapping[str, Any]]]


class Settings(Section):
    """All settings."""

    archive: ArchiveSettings = ArchiveSettings()
    selection: SelectionSettings = SelectionSettings()
    pixels: PixelSettings = PixelSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    engine: EngineSettings = EngineSettings()
    verdict: VerdictSettings = VerdictSettings()
    report: ReportSettings = ReportSettings()
    schedule: ScheduleSettings = ScheduleSettings()

    _origins: Origins = PrivateAttr(default_factory=Origins)

    @classmethod
    def load(
        cls,
        config: Path | None = None,
        names: Mapping[str, str] | None = None,
        **flags: dict[str, Any],
    ) -> Self:
        """Merge config file, environment and flags (None means not given).

        `names` maps settings to their flags for messages (`schedule.settle` → `--settle`). Raises
        SettingsError with a one-line message: where a value was set, what was given and what is
        allowed.
        """
        merged, origins = _from_file(config) if config else ({}, Origins())
        for given in (list(_from_environment()), list(_from_flags(flags, names or {}))):
            if isinstance(rules := merged.get("verdict"), dict):
                drop_replaced_shares(rules, [s.removeprefix("verdict.") for s, _, _ in given])
            for setting, value, name in given:
                section, _, key = setting.partition(".")
                if not isinstance(merged.setdefault(section, {}), dict):
                    continue  # a section in the config file is not a mapping: reported below
                if key:
                    merged[section][key] = value
                elif section not in cls.model_fields:
                    merged[section] = value
                else:
                    instead = example(section, _fields())
                    raise SettingsError(f"{name}: names a section; set {instead}")
                origins[setting] = name
        try:
            settings = cls.model_validate(merged)
        except ValidationError as error:
            raise SettingsError(explain(error, origins, _fields())) from None
        settings._origins = origins
        return settings

    def with_model_rules(self, rules: Mapping[str, Any], further: NamedRules = ()) -> Self:
        """Return these settings, with rules that are not set taken from a model card.

        `further` contains rules that take precedence over the card, with the name of their source.
        Raises SettingsError for unknown rules, or rules that contradict the settings.
        """
        origins, merged = Origins(), dict[str, Any]()
        for source, given in (("model card", rules), *further):
            origins.update({f"verdict.{key}": f"{source}: verdict.{key}" for key in given})
            drop_replaced_shares(merged, given)
            merged |= given
        origins.update(self._origins)
        own = self.verdict.model_dump(exclude_unset=True)
        drop_replaced_shares(merged, own)
        merged |= own
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


def _from_file(config: Path) -> tuple[dict[str, Any], Origins]:
    """The sections of a config file, and the source of each setting."""
    where = f"config file {config}"
    sections: dict[str, Any] = {}
    origins = Origins()
    given = {str(section): values for section, values in read_yaml(config).items()}
    for section, values in rename_keys(given, SECTIONS, where).items():
        origins[section] = f"{where}: {section}"
        if isinstance(values, Mapping):
            values = {str(key): value for key, value in values.items()}
            origins |= {f"{section}.{key}": f"{where}: {section}.{key}" for key in values}
        sections[section] = {} if values is None else values
    return sections, origins


def _from_environment() -> Iterator[tuple[str, object, str]]:
    """Setting, value and variable of each `BATCHMRI_…`; old names first, so that new ones apply."""
    given = environment()
    for old, new in SECTIONS.items():
        for setting in [name for name in given if name.startswith(f"{old}.")]:
            current = new + setting.removeprefix(old)
            warn_renamed(variable(setting), variable(current))
            yield current, given.pop(setting), variable(setting)
    yield from ((setting, text, variable(setting)) for setting, text in given.items())


def _from_flags(
    flags: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]
) -> Iterator[tuple[str, object, str]]:
    """Setting, value and flag of each flag that is given."""
    for section, values in rename_keys(flags, SECTIONS, "batchmri.scan").items():
        for key, value in values.items():
            if value is not None:
                setting = f"{section}.{key}"
                yield setting, value, names.get(setting, setting)


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
