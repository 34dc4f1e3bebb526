"""Options shared by several commands, and flags for settings."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from batchmri.extensions import DICOM_OBJECTS
from batchmri.settings import Settings, section_model
from batchmri.settings.verdict import VerdictSettings

Command = TypeVar("Command", bound=Callable[..., Any])

config_option = click.option(
    "--config", type=click.Path(path_type=Path), help="Settings file (YAML)."
)
log_format_option = click.option(
    "--log-format",
    type=click.Choice(["auto", "plain", "json"]),
    default="auto",
    help="auto: progress bars on a terminal, plain lines elsewhere.",
)

state_option = click.option(
    "--state", type=click.Path(path_type=Path), help="Folder of state.db, if not OUT itself."
)


def _set_verbosity(_context: click.Context, _option: click.Parameter, value: int | None) -> None:
    if value is not None:
        logging.getLogger("batchmri").setLevel(value)


def _verbosity_option(level: int, *flags: str, help: str) -> Callable[[Command], Command]:
    return click.option(
        *flags,
        flag_value=level,
        type=int,
        default=None,
        expose_value=False,
        callback=_set_verbosity,
        help=help,
    )


quiet_option = _verbosity_option(
    logging.WARNING, "-q", "--quiet", help="Print only warnings and errors."
)
_verbose_option = _verbosity_option(
    logging.DEBUG, "-v", "--verbose", help="Also log every series with its outcome."
)


def verbosity_options(command: Command) -> Command:
    """Add `-q` and `-v` to a command that scans; the last one takes precedence."""
    return quiet_option(_verbose_option(command))


def say(line: str) -> None:
    """Print a line on stdout, unless `-q` was given."""
    if logging.getLogger("batchmri").level < logging.WARNING:
        click.echo(line)


_GROUPS = {
    "archive": "Archive",
    "selection": "Selection",
    "pixels": "Decoding",
    "classifier": "Model",
    "engine": "Engine",
    "verdict": "Verdict rules (default: those of the model card)",
    "report": "Outputs",
    "schedule": "Schedule",
}


class SettingFlag(click.Option):
    """A flag for a setting such as `verdict.top_slices`."""

    @property
    def setting(self) -> str:
        """The full name of the setting."""
        return str(self.name).replace("__", ".", 1)


class GroupedCommand(click.Command):
    """A command whose help groups the flags of settings by section."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one block of options per section, after the options that are not settings."""
        blocks: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            section = parameter.setting if isinstance(parameter, SettingFlag) else ""
            title = _GROUPS.get(section.partition(".")[0], "Options")
            if (record := parameter.get_help_record(ctx)) is not None:
                blocks.setdefault(title, []).append(record)
        for title, records in blocks.items():
            with formatter.section(title):
                formatter.write_dl(records)


def option_of(setting: str, flag: str, **attributes: Any) -> Callable[[Command], Command]:
    """A flag for a setting such as `verdict.top_slices`, with the description of the setting."""
    section, key = setting.split(".")
    text = section_model(Settings.model_fields[section]).model_fields[key].description
    return click.option(flag, setting.replace(".", "__"), cls=SettingFlag, help=text, **attributes)


calibration_flag = option_of("classifier.calibration", "--calibration", metavar="FILE")

formats_flag = option_of("report.formats", "--format", metavar="csv,parquet,jsonl")


def verdict_flags(command: Command) -> Command:
    """Add a flag for every verdict rule, such as `--tumor-above P`."""
    for key, field in reversed(VerdictSettings.model_fields.items()):
        attributes: dict[str, Any] = {"metavar": "K" if field.annotation is int else "X"}
        if key == "min_class_shares":
            attributes = {"metavar": "CLASS=X", "multiple": True}
        flag = f"--{key.replace('_', '-')}"
        command = option_of(f"verdict.{key}", flag, **attributes)(command)
    return command


def scan_flags(command: Command) -> Command:
    """Add the flags of all settings that a scan accepts on the command line."""
    flags = (
        option_of("classifier.model", "--model", metavar="FILE"),
        option_of("classifier.backend", "--backend", metavar="auto|openvino|torch"),
        calibration_flag,
        option_of("classifier.device", "--device", metavar="auto|cpu|cuda[:N]"),
        option_of("classifier.precision", "--precision", metavar="auto|fp32|bf16|fp16"),
        option_of("classifier.batch_size", "--batch-size", metavar="auto|N"),
        option_of("pixels.workers", "--workers", metavar="auto|N"),
        option_of("engine.name", "--engine", metavar="NAME"),
        option_of("engine.ray_address", "--ray-address", metavar="auto|HOST:PORT"),
        option_of("engine.actors", "--actors", metavar="auto|N"),
        option_of("report.gradcam", "--gradcam", metavar="top:K|all|none"),
        option_of("report.heatmaps", "--heatmaps", metavar="none|nifti"),
        formats_flag,
        option_of("report.html", "--report/--no-report", default=None),
        option_of("report.slices", "--slices", metavar="all|deciding|none"),
        option_of("report.descriptions", "--descriptions/--no-descriptions", default=None),
        option_of("report.on_study", "--on-study", metavar="CMD"),
        option_of("report.on_study_timeout", "--on-study-timeout", metavar="60s"),
        option_of("report.identifiers", "--identifiers", is_flag=True, default=None),
        option_of(
            "report.dicom_results", "--dicom-results", metavar=",".join(DICOM_OBJECTS.built_in)
        ),
        option_of("report.group_readable", "--group-readable", is_flag=True, default=None),
        option_of("archive.exclude", "--exclude", multiple=True, metavar="GLOB"),
        option_of("archive.follow_links", "--follow-links", is_flag=True, default=None),
        option_of("archive.root_labels", "--root-label", multiple=True, metavar="LABEL=PATH"),
        option_of("selection.all_sequences", "--all-sequences", is_flag=True, default=None),
        verdict_flags,
        option_of("schedule.settle", "--settle", metavar="10m"),
        option_of("schedule.time_budget", "--time-budget", metavar="6h"),
        option_of("schedule.max_failures", "--max-failures", metavar="N|P%"),
        option_of("schedule.metrics_file", "--metrics-file", metavar="FILE"),
    )
    for add in reversed(flags):
        command = add(command)
    return command


def load_settings(config: Path | None, flags: Mapping[str, Any]) -> Settings:
    """Load the settings of the current command from flags, environment and config file.

    Raises SettingsError, which names the flag, the variable or the config file.
    """
    given: dict[str, dict[str, Any]] = {}
    for name, value in flags.items():
        if value is not None and value != ():
            section, _, key = name.partition("__")
            given.setdefault(section, {})[key] = value
    parameters = click.get_current_context().command.params
    names = {p.setting: p.opts[0] for p in parameters if isinstance(p, SettingFlag)}
    return Settings.load(config, names, **given)
