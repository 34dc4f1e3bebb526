"""A Prometheus text file (exposition format 0.0.4) for node_exporter's textfile collector."""

import os
from collections.abc import Mapping
from pathlib import Path

from batchmri.errors import OutputError, UsageError
from batchmri.outputs.atomic_write import NewFile

# Readable for everyone, since node_exporter runs as another user.
_MODE = 0o644


def prometheus(
    values: Mapping[str, tuple[str, float]],
    counts: Mapping[str, tuple[str, Mapping[tuple[str, str], int]]],
) -> bytes:
    """Format gauges `batchmri_<name>`.

    `values` maps names to help text and value; `counts` maps names to help text and counts that are
    labeled by status and reason.
    """
    lines: list[str] = []
    for name, (help_text, value) in values.items():
        # Not :g, which keeps only six significant digits: Unix timestamps have ten.
        lines += [*_head(name, help_text), f"batchmri_{name} {round(value, 3)}"]
    for name, (help_text, by_status) in counts.items():
        lines += _head(name, help_text)
        for (status, reason), count in sorted(by_status.items()):
            lines.append(f'batchmri_{name}{{status="{status}",reason="{reason}"}} {count}')
    return ("\n".join(lines) + "\n").encode()


def check_metrics_file(path: Path) -> None:
    """Raise UsageError if a metrics file cannot be written to `path`."""
    folder = path.parent
    if not folder.is_dir():
        raise UsageError(f"--metrics-file {path}: the folder {folder} does not exist")
    if path.is_dir():
        raise UsageError(f"--metrics-file {path}: is a folder; name a file such as batchmri.prom")
    if not os.access(folder, os.W_OK):
        raise UsageError(f"--metrics-file {path}: the folder {folder} cannot be written")


def write_metrics(path: Path, content: bytes) -> None:
    """Replace a metrics file atomically, readable for everyone. Raises OutputError."""
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {path}: its folder does not exist")
    with NewFile(path, mode=_MODE) as new:
        new.write(content)


def read_metric(path: Path, name: str) -> float | None:
    """The value of a gauge `batchmri_<name>` in a metrics file; None if there is none."""
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(" ")
            if key == f"batchmri_{name}":
                return float(value)
    except (OSError, ValueError):
        pass
    return None


def _head(name: str, help_text: str) -> tuple[str, str]:
    return f"# HELP batchmri_{name} {help_text}", f"# TYPE batchmri_{name} gauge"
