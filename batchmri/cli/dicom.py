"""`batchmri dicom`."""

import sys
from pathlib import Path
from typing import Any

import click

from batchmri.cli.options import (
    GroupedCommand,
    config_option,
    load_settings,
    log_format_option,
    option_of,
    quiet_option,
    state_option,
)
from batchmri.extensions import DICOM_OBJECTS
from batchmri.outputs.console import LogFormat


@click.command("dicom", cls=GroupedCommand)
@click.argument("out", type=click.Path(path_type=Path))
@config_option
@option_of("report.dicom_results", "--dicom-results", metavar=",".join(DICOM_OBJECTS.built_in))
@click.option("--send", metavar="AET@HOST:PORT", help="Send new and changed objects with C-STORE.")
@click.option("--calling-aet", metavar="AET", default="BATCHMRI", show_default=True)
@click.option("--tls", is_flag=True, help="Send with TLS; implied by the other TLS options.")
@click.option("--tls-ca", type=click.Path(path_type=Path), help="Certificates to trust (PEM).")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate of batchmri (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Private key of this certificate.")
@state_option
@log_format_option
@quiet_option
def command(
    out: Path,
    config: Path | None,
    send: str | None,
    calling_aet: str,
    tls: bool,
    tls_ca: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    state: Path | None,
    log_format: LogFormat,
    **flags: Any,
) -> None:
    """Write DICOM objects of the results in OUT into OUT/dicom, and send them on request.

    The objects contain the identity of the patient. The headers of the source images are read from
    the archive. Writing needs neither a network nor the model.
    """
    from batchmri.outputs.dicom.send import Peer, Tls
    from batchmri.pipeline.commands.dicom_command import Destination, dicom

    settings = load_settings(config, flags)
    destination = None
    if send is not None:
        secure = tls or tls_ca or tls_cert or tls_key
        destination = Destination(
            Peer.parse(send), calling_aet, Tls(tls_ca, tls_cert, tls_key) if secure else None
        )
    code = dicom(
        out,
        kinds=settings.report.dicom_results,
        destination=destination,
        settings=settings,
        state=state,
        log_format=log_format,
    )
    sys.exit(code)
