"""The examples of docs/extending.md, installed as packages with entry points."""

import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from batchmri.archive.selection import rules
from batchmri.extensions import registered
from batchmri.formats.registry import readers

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
MAX_LINES = 30


def _install(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the module of an example and its entry point, for this process and its workers."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"```python\n# {name}\.py\n(.*?)```\n\n```toml\n(.*?)```", text, re.DOTALL)
    assert found, f"no example {name}.py in {PAGE.name}"
    code, project = found.groups()
    assert len([line for line in code.splitlines() if line.strip()]) < MAX_LINES
    metadata = folder / "packages" / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata.parent / f"{name}.py").write_text(code)
    (metadata / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
    lines: list[str] = []
    for group, points in tomllib.loads(project)["project"]["entry-points"].items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in points.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(metadata.parent)
    monkeypatch.delitem(sys.modules, name, raising=False)
    _search_again()


def _search_again() -> None:
    for cached in (registered, readers, rules):
        cached.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Install the example of a module until the end of the test."""
    with monkeypatch.context() as patch:
        yield lambda name: _install(name, tmp_path, patch)
    _search_again()
