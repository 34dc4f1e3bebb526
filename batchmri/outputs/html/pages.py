"""Rendering of pages with Jinja, and the files that all pages share."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined

from batchmri.flags import in_words
from batchmri.outputs.atomic_write import NewFiles, write_atomic

_TEMPLATES, _ASSETS = "templates", "assets"
_DIGEST = b'<meta name="batchmri-digest" content="'


def write_assets(report: Path) -> None:
    """Copy scripts and style sheets into the report unless they are already there."""
    for asset in _folder(_ASSETS).iterdir():
        write_atomic(report / _ASSETS / asset.name, asset.read_bytes())


def render(template: str, view: Mapping[str, Any]) -> bytes:
    """Render a template as UTF-8; values are escaped for HTML."""
    return _environment().get_template(template).render(view).encode()


def write_page(pages: NewFiles, path: Path, template: str, view: Mapping[str, Any]) -> None:
    """Write a page unless one with the same content exists.

    A page begins with a digest of its view and of the templates, so that an unchanged page is
    neither rendered nor written.
    """
    digest = digest_of(view)
    if _digest_on(path) == digest:
        return
    pages.write(path, render(template, {**view, "digest": digest}))


def digest_of(view: Mapping[str, Any]) -> str:
    """Digest of a view and of all templates."""
    text = json.dumps(view, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode() + _templates_digest(), digest_size=16).hexdigest()


def _digest_on(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return ""
    return head.partition(_DIGEST)[2].partition(b'"')[0].decode("ascii", "replace")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=DictLoader(_templates()),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["in_words"] = in_words
    environment.policies["json.dumps_kwargs"] = {"sort_keys": True, "ensure_ascii": False}
    return environment


@cache
def _templates() -> dict[str, str]:
    folder = _folder(_TEMPLATES)
    return {file.name: file.read_text("utf-8") for file in folder.iterdir()}


@cache
def _templates_digest() -> bytes:
    return json.dumps(_templates(), sort_keys=True).encode()


def _folder(name: str) -> Traversable:
    return files("batchmri.outputs.html") / name
