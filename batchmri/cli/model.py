"""`batchmri model`."""

import sys
from pathlib import Path

import click

from batchmri.cli.options import quiet_option, say

_model_argument = click.argument("model", type=click.Path(path_type=Path), required=False)


@click.group("model")
def command() -> None:
    """Show, check and export a model."""


@command.command("show")
@_model_argument
@click.option("--json", "as_json", is_flag=True, help="Print the card as stored.")
def show(model: Path | None, as_json: bool) -> None:
    """Print the card of MODEL (.safetensors; default: the shipped model)."""
    from batchmri.model.card import SHIPPED, read_card
    from batchmri.model.card_text import describe

    card = read_card(model or SHIPPED)
    click.echo(card.model_dump_json(indent=2) if as_json else describe(card))


@command.command("verify")
@_model_argument
def verify(model: Path | None) -> None:
    """Check MODEL (default: the shipped model) against its card. Exit code 0 or 2.

    The checks are of its digest, classes, metrics and preparation.
    """
    from batchmri.model.card import SHIPPED
    from batchmri.model.verify import verify_model
    from batchmri.preparation.transforms import PreparationSettings

    checks = verify_model(model or SHIPPED, PreparationSettings.model_validate)
    for check in checks:
        click.echo(f"{'ok' if check.passed else 'WRONG':<6} {check.name:<12} {check.found}")
    sys.exit(0 if all(check.passed for check in checks) else 2)


@command.command("export")
@_model_argument
@click.option("--format", "kind", type=click.Choice(["onnx", "openvino"]), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, min_open=True),
    default=1e-3,
    show_default=True,
    help="Largest accepted difference from torch, relative to the largest value of an output.",
)
@quiet_option
def export(model: Path | None, kind: str, out: Path, tolerance: float) -> None:
    """Export MODEL (default: the shipped model) to another runtime if its outputs agree with torch.

    Input: slices (N, 1, S, S), prepared as the card states. Outputs: maps (N, classes, h, w), whose
    mean over (h, w) is the logits, and features (N, k). Exit code 1 if they differ.
    """
    from batchmri.model.card import SHIPPED
    from batchmri.model.export import export_model

    done = export_model(model or SHIPPED, kind, out, tolerance)  # type: ignore[arg-type]
    for file in done.files:
        say(f"{file}")
    for name, difference in done.differences.items():
        say(f"{name}: differs from torch (fp32) by at most {difference:.1e} of its maximum")
