import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "docs" / "systemd"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_the_units_are_valid(tmp_path: Path) -> None:
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/batchmri/bin/batchmri", "/bin/true")
        (tmp_path / unit.name).write_text(text.replace("User=batchmri", "User=daemon"))
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "batchmri" not in done.stderr, done.stderr


def test_the_service_may_write_where_the_documentation_puts_metrics() -> None:
    page = (UNITS.parent / "nightly.md").read_text()
    (folder,) = {Path(path).parent for path in re.findall(r"--metrics-file (\S+\.prom)", page)}
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(UNITS / "batchmri.service")
    # "-": the unit also starts if the folder does not exist
    assert unit["Service"]["ReadWritePaths"].split() == [f"-{folder}"]
