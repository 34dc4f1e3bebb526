import json
import subprocess
import sys
from pathlib import Path

from tests.pipeline.builders import write_series

_HEAVY = ("torch", "monai", "openvino", "cv2", "pandas", "pydicom", "nibabel")
_PROBE = """
import json, sys
from batchmri.cli import cli
for arguments in json.loads(sys.argv[1]):
    try:
        cli(arguments, prog_name="batchmri")
    except SystemExit as end:
        assert end.code in (0, None), end.code
if len(sys.argv) > 2:
    __import__(sys.argv[2])
print(json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""


def loaded_by(*commands: list[str], then: str = "") -> set[str]:
    """Heavy libraries that are loaded after these commands, and after importing a module."""
    probe = _PROBE.format(heavy=_HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", probe, json.dumps(commands), *([then] if then else ())],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_help_and_a_dry_run_import_no_heavy_libraries(tmp_path: Path) -> None:
    write_series(tmp_path / "archive")
    names = ("scan", "reclassify", "status", "config", "train", "evaluate", "data", "model")
    commands = [["--help"], ["--version"], *([name, "--help"] for name in names)]
    # The process that runs the network reads no files itself.
    found = loaded_by(*commands, then="batchmri.pipeline.classify")
    assert not {"torch", "monai", "openvino", "pydicom", "nibabel"} & found
    assert loaded_by(["scan", str(tmp_path / "archive"), "--dry-run"]) == set()


def test_a_scan_with_nothing_to_classify_imports_no_torch(tmp_path: Path) -> None:
    write_series(tmp_path / "archive", SeriesDescription="AX T2")
    scan = ["scan", str(tmp_path / "archive"), "--out", str(tmp_path / "out")]
    assert not {"torch", "pandas"} & loaded_by(scan)
    assert loaded_by(scan) == set(), "with nothing new"
