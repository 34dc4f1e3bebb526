"""Cache of converted networks and supported precisions in the user's cache folder.

A conversion takes seconds. Importing OpenVINO to ask for precisions takes a tenth of a second.

A converted network is stored under a digest of everything that it depends on, with the digest of
its files. A damaged entry is replaced. Without a writable cache folder, the network is converted at
each start.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

_FILES = ("network.xml", "network.bin")
_DIGEST = "sha256"
_MAX_ENTRIES = 8


def cache_folder() -> Path:
    """Folder of the cache: `$XDG_CACHE_HOME/batchmri`, by default `~/.cache/batchmri`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "batchmri"


def cached_network(openvino: Any, parts: tuple[str, ...], convert: Callable[[], Any]) -> Any:
    """Return the OpenVINO network that `convert` creates, from the cache if it is there.

    `parts` are texts that identify everything the network depends on: weights, shape, versions.
    """
    try:
        entry = cache_folder() / f"openvino-{_key(parts)}"
        if not _is_intact(entry):
            _store(entry, openvino, convert)
        entry_network = openvino.Core().read_model(entry / _FILES[0])
        os.utime(entry)
    except (OSError, RuntimeError):  # no home, not writable, full, or removed meanwhile
        return convert()
    return entry_network


def cached_text(parts: tuple[str, ...], make: Callable[[], str]) -> str:
    """Return what `make` returns, from the cache if it is there; `parts` as in `cached_network`."""
    with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: there is no home
        return (cache_folder() / f"fact-{_key(parts)}").read_text(encoding="utf-8")
    text = make()
    with suppress(OSError, RuntimeError):
        path = cache_folder() / f"fact-{_key(parts)}"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, delete=False, encoding="utf-8"
        ) as new:
            new.write(text)
        Path(new.name).replace(path)
    return text


def processor() -> str:
    """Model and features of the first core, from /proc/cpuinfo; empty if they are unknown."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        first = takewhile(str.strip, file)
        return "".join(line for line in first if line.startswith(("model", "flags", "Features")))
    return ""


def _key(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _store(entry: Path, openvino: Any, convert: Callable[[], Any]) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix="new-", dir=entry.parent) as name:
        made = Path(name) / entry.name
        made.mkdir()
        openvino.save_model(convert(), made / _FILES[0], compress_to_fp16=False)
        (made / _DIGEST).write_text(_digest(made), encoding="ascii")
        shutil.rmtree(entry, ignore_errors=True)
        with suppress(FileExistsError, OSError):  # another process has just stored it
            made.rename(entry)
    entries = sorted(entry.parent.glob("openvino-*"), key=lambda path: path.stat().st_mtime)
    for old in entries[:-_MAX_ENTRIES]:
        shutil.rmtree(old, ignore_errors=True)


def _is_intact(entry: Path) -> bool:
    try:
        return (entry / _DIGEST).read_text(encoding="ascii") == _digest(entry)
    except (OSError, ValueError):
        return False


def _digest(entry: Path) -> str:
    found = hashlib.sha256()
    for name in _FILES:
        found.update((entry / name).read_bytes())
    return found.hexdigest()
