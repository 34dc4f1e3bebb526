"""The pages of documentation name files, modules, functions and settings that exist."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from batchmri import extensions
from batchmri.extensions import Registry
from batchmri.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in (
        "*.md",
        "docs/*.md",
        "experiments/**/*.md",
        "sample_data/*.md",
        "benchmarks/*.md",
    )
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md" and path.parent.name != "release-0.1"  # they name what is gone
)
FOLDERS = "batchmri|benchmarks|configs|docs|experiments|sample_data|tests"
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FILE = re.compile(rf"(?<![\w./~-])(?:{FOLDERS})/[\w./{{}}*,-]*[\w*]")
MODULE = re.compile(r"(?<![\w./:@-])(?:batchmri|benchmarks|experiments|tests)(?:\.[\w{},]+)+")
SPAN = re.compile(r"`([\w./]+)`")
GROUPS = {one.group for one in vars(extensions).values() if isinstance(one, Registry)}
NOT_MODULES = GROUPS | {"batchmri.service", "batchmri.timer", "batchmri.prom", "batchmri.yaml"}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def expanded(name: str) -> Iterator[str]:
    """`a/{b,c}` as `a/b` and `a/c`."""
    parts = re.split(r"\{([^}]*)\}", name)
    choices = [part.split(",") if i % 2 else [part] for i, part in enumerate(parts)]
    yield from ("".join(one) for one in product(*choices))


def resolves(name: str, folder: Path) -> bool:
    """Whether a dotted name is a module below `folder`, or a name that its module contains."""
    parts = name.split(".")
    for position, part in enumerate(parts):
        if (folder / f"{part}.py").is_file():
            source, rest = folder / f"{part}.py", parts[position + 1 :]
            break
        if not (folder / part).is_dir():
            source, rest = folder / "__init__.py", parts[position:]
            break
        folder /= part
    else:
        return True
    if not source.is_file():
        return False
    text = source.read_text(encoding="utf-8")
    return all(re.search(rf"\b{word}\b", text) for word in rest)


def is_setting(name: str) -> bool:
    section, _, key = name.partition(".")
    field = Settings.model_fields.get(section)
    return field is not None and (not key or key in field.annotation.model_fields)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page: str) -> None:
    text = text_of(page)
    links = [link for link in LINK.findall(text) if "://" not in link and "mailto:" not in link]
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    files = [one for found in FILE.findall(text) for one in expanded(found)]
    missing += [name for name in files if not any(ROOT.glob(name))]
    names = [one for found in MODULE.findall(text) for one in expanded(found)]
    missing += [n for n in names if n not in NOT_MODULES and not resolves(n, ROOT)]
    assert not missing


def test_the_page_on_architecture_names_modules_that_exist() -> None:
    """Its names are relative to the package."""
    package, missing = ROOT / "batchmri", []
    for name in SPAN.findall(text_of("docs/architecture.md")):
        first = re.split(r"[./]", name)[0]
        if not ((package / first).exists() or (package / f"{first}.py").exists()):
            continue
        is_path = "/" in name or name.endswith(".py")
        found = (package / name).exists() if is_path else resolves(name, package)
        if not found and not is_setting(name) and not (ROOT / name).exists():
            missing.append(name)
    assert not missing


def test_names_that_do_not_exist_are_found() -> None:
    assert resolves("batchmri.pipeline.scan.scan", ROOT) and resolves("batchmri.archive", ROOT)
    for wrong in ("batchmri.nowhere", "batchmri.pipeline.scan.nowhere", "batchmri.archive.nowhere"):
        assert not resolves(wrong, ROOT)
    assert is_setting("verdict.tumor_above") and not is_setting("verdict.nowhere")
    assert list(expanded("a/{b,c}/d")) == ["a/b/d", "a/c/d"]
