import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.builders import write_series

_HEAVY = ("torch", "monai", "openvino")
_PROBE = """
import sys
from batchmri.cli import cli
try:
    cli(sys.argv[1:], prog_name="batchmri")
except SystemExit as end:
    assert end.code in (0, None), end.code
print("LOADED", sorted(name for name in {heavy!r} if name in sys.modules))
"""


def loaded_by(*arguments: str) -> str:
    probe = _PROBE.format(heavy=_HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("command", ["--help", "--version"])
def test_help_imports_no_heavy_libraries(command: str) -> None:
    assert loaded_by(command) == "LOADED []"


@pytest.mark.parametrize(
    "command", ["scan", "verdict", "config", "train", "evaluate", "data", "model"]
)
def test_help_of_a_command_imports_no_heavy_libraries(command: str) -> None:
    assert loaded_by(command, "--help") == "LOADED []"


def test_a_dry_run_imports_neither_torch_nor_monai(tmp_path: Path) -> None:
    write_series(tmp_path / "archive")
    assert loaded_by("scan", str(tmp_path / "archive"), "--dry-run") == "LOADED []"
