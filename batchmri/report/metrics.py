"""A Prometheus text file (exposition format 0.0.4) for node_exporter's textfile collector."""

from collections.abc import Mapping


def prometheus(
    values: Mapping[str, tuple[str, float]],
    counts: Mapping[str, tuple[str, Mapping[tuple[str, str], int]]],
) -> bytes:
    """Gauges `batchmri_<name>`: plain ones, and ones labelled by status and reason.

    Both map a name to its help text and what it shows.
    """
    lines: list[str] = []
    for name, (help_text, value) in values.items():
        lines += [*_head(name, help_text), f"batchmri_{name} {value:g}"]
    for name, (help_text, by_status) in counts.items():
        lines += _head(name, help_text)
        for (status, reason), count in sorted(by_status.items()):
            lines.append(f'batchmri_{name}{{status="{status}",reason="{reason}"}} {count}')
    return ("\n".join(lines) + "\n").encode()


def _head(name: str, help_text: str) -> tuple[str, str]:
    return f"# HELP batchmri_{name} {help_text}", f"# TYPE batchmri_{name} gauge"
