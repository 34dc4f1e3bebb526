"""Simulate nightly scans of a growing archive, and compare with a fresh scan of the final state.

    python -m tests.nights.year [NIGHTS] [SEED]

The nights include new, changed, moved and deleted studies, broken files, an archive that is not
mounted, and a full disk (if this process may mount a small tmpfs).
"""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batchmri.errors import ArchiveError, OutputError
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.nights.driver import Arithmetic
from tests.nights.kills import make_model
from tests.pipeline.builders import instance, save, write_series
from tests.pipeline.outputs import assert_every_file_accounted_for, contents

_FIRST_STUDIES = 8
_DISK_MB = 24


class Archive:
    """An archive of studies in folders, with its changes between two nights."""

    def __init__(self, root: Path, dice: random.Random) -> None:
        self.root, self.dice = root, dice
        self.made = 0
        for _ in range(_FIRST_STUDIES):
            self.arrive()

    def arrive(self) -> None:
        name = f"study-{self.made:03d}"
        self.made += 1
        write_series(self.root / name, name, "one", n=5)

    def any_study(self) -> Path:
        return self.dice.choice(sorted(p for p in self.root.iterdir() if p.is_dir()))

    def a_day_passes(self, day: int) -> None:
        self.arrive()
        study = self.any_study()
        name = study.name.removeprefix("moved-")
        save(instance(name, "one", 5 + day), study / f"late-{day}")
        moved = self.any_study()
        if not moved.name.startswith("moved-"):
            moved.rename(self.root / f"moved-{moved.name}")
        if day % 4 == 0:
            shutil.rmtree(self.any_study())
        (self.root / f"broken-{day}").write_bytes(b"\0" * 128 + b"DICM" + os.urandom(40))


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Mount a small file system at `folder`; returns whether this succeeded."""
    folder.mkdir()
    mounted = (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MB}m", "tmpfs", folder],
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", folder], check=True)


def fill(disk: Path) -> Path:
    """Fill a disk."""
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65536)
    except OSError:
        return ballast


def simulate(nights: int, seed: int, patch: pytest.MonkeyPatch) -> bool:
    """Run the nights; returns whether a disk was full. Raises AssertionError on a difference."""
    patch.setattr(
        "batchmri.pipeline.run.loaded_model.load_checkpoint", lambda _: (None, None, None)
    )
    patch.setattr(
        "batchmri.pipeline.run.loaded_model.load_backend",
        lambda network, card, chosen: Arithmetic(chosen.batch_size),
    )
    with tempfile.TemporaryDirectory() as name, small_disk(Path(name) / "disk") as full_disk:
        base = Path(name)
        settings = Settings.model_validate(
            {
                "classifier": {
                    "model": make_model(base),
                    "device": "cpu",
                    "precision": "fp32",
                    "batch_size": 8,
                },
                "pixels": {"workers": 1},
                "report": {"gradcam": "top:1", "gradcam_notumor": True},
            }
        )
        archive, out = Archive(base / "archive", random.Random(seed)), base / "disk" / "out"
        scan([archive.root], out=out, settings=settings, log_format="plain")
        for night in range(1, nights + 1):
            archive.a_day_passes(night)
            if night == nights // 3:
                _not_mounted(archive.root, out, settings)
            if night == nights // 2 and full_disk:
                _disk_full(archive.root, out, settings)
            outcome = scan([archive.root], out=out, settings=settings)
            assert outcome.exit_code == 1, "the broken file of this night is a new failure"
        n_files = sum(path.is_file() for path in archive.root.rglob("*"))
        assert_every_file_accounted_for(out, n_files)
        scan([archive.root], out=base / "fresh", settings=settings)
        assert contents(out) == contents(base / "fresh")
    return full_disk


def _not_mounted(root: Path, out: Path, settings: Settings) -> None:
    before = contents(out)
    root.rename(root.with_name("away"))
    root.mkdir()
    with pytest.raises(ArchiveError):
        scan([root], out=out, settings=settings)
    root.rmdir()
    root.with_name("away").rename(root)
    assert contents(out) == before


def _disk_full(root: Path, out: Path, settings: Settings) -> None:
    before = contents(out)
    ballast = fill(out.parent)
    with pytest.raises(OutputError):
        scan([root], out=out, settings=settings)
    ballast.unlink()
    after = contents(out)
    assert all(after[path] == before[path] for path in before), "earlier results were harmed"


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    n_nights, first_seed = (*given, *(30, 1)[len(given) :])
    with pytest.MonkeyPatch.context() as monkey:
        was_full = simulate(n_nights, first_seed, monkey)
    print(
        f"{n_nights} nights equal one fresh scan; a full disk {'among' if was_full else 'not'} them"
    )
