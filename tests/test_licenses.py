"""The license files that pyproject.toml promises."""

import hashlib
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def test_the_license_files_are_there_and_the_apache_license_is_unchanged() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["license-files"] == ["LICENSE", "LICENSE-WEIGHTS"]
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    card = (ROOT / "docs" / "model-card.md").read_text()
    assert "CC BY-NC-SA 4.0" in card
    assert "CC BY-NC-SA 4.0" in (ROOT / "LICENSE-WEIGHTS").read_text()
