"""The command line: one module per command, without logic.

Commands are imported when they are called, so that `--help` is fast.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from batchmri import __version__
from batchmri.cli.outcome import exit_code_of
from batchmri.interrupts import exit_on_interrupts
from batchmri.renamed import COMMANDS, FLAGS, warn_renamed

_COMMANDS = {
    "scan": "Classify the brain MRI in folders of DICOM or NIfTI files.",
    "reclassify": "Apply changed verdict rules to an output, without reading pixels.",
    "calibrate": "Fit the verdict rules to labeled series of your site.",
    "export": "Write the tables of an output in further formats, such as Parquet.",
    "dicom": "Write DICOM objects of the results, and send them on request.",
    "report": "Write the HTML report of an output from earlier results.",
    "status": "Show the last runs and the contents of an output.",
    "explain": "Show what is known about a study, file or folder, and why.",
    "rescan": "Let the next scan process studies again.",
    "forget": "Delete the results of studies.",
    "merge": "Join outputs that were made separately.",
    "compare": "List studies whose verdicts differ between two outputs.",
    "config": "Show the effective settings.",
    "model": "Show, check and export a model.",
    "train": "Train a classifier from labeled images.",
    "evaluate": "Evaluate a model on labeled images or volumes.",
    "data": "Audit training data and add synthetic images.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"batchmri.cli.{cmd_name}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for flag in FLAGS.keys() & set(args):
            warn_renamed(flag, FLAGS[flag])
        return super().parse_args(ctx, [FLAGS.get(argument, argument) for argument in args])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name in COMMANDS:
            warn_renamed(f"batchmri {name}", f"batchmri {COMMANDS[name]}")
            name = COMMANDS[name]
            args = [name, *args[1:]]
        if name not in _COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, _COMMANDS, n=1)
            if not near and Path(name).exists():
                near = [f"scan {name}"]
            hint = f" Did you mean '{near[0]}'?" if near else ""
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="batchmri")
def cli() -> None:
    """Classify archives of brain MRI, and write tables, a report and Grad-CAM pictures.

    Research use only: not a medical device.
    """


def main() -> NoReturn:
    """Run the command line; an error is reported as one line and an exit code."""
    exit_on_interrupts()
    arguments = sys.argv[1:]
    code = exit_code_of(lambda: _run(arguments), arguments)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    if code > 128:
        os._exit(code)  # without waiting for a thread that may still be loading the network
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    code = cli.main(arguments, prog_name="batchmri", standalone_mode=False)
    return code if isinstance(code, int) else 0
