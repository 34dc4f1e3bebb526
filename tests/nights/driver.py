"""Run one scan in a separate process, which may kill itself at a planted point.

    python -m tests.nights.driver ARCHIVE OUT MODEL [png|rename|commit|term N]

The process is killed in the middle of the N-th picture, before the N-th rename, or before the N-th
commit; with term, it receives SIGTERM before the N-th commit. This process and each worker, which
draw pictures, count on their own. The network is replaced by arithmetic, so that a run takes a
second.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import batchmri.pipeline.run.loaded_model
from batchmri.errors import OutputError
from batchmri.outputs import atomic_write as files
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from batchmri.state.transaction import Transaction

if TYPE_CHECKING:
    from batchmri.pipeline.draw_series import Drawn, DrawTask
if __name__ != "__main__":  # not in a run without a kill: benchmarks.night measures its imports
    from batchmri.pipeline.draw_series import draw_series

FEATURES = 1280 + 224


class Arithmetic:
    """A backend without a network: maps and features from means of the slice."""

    def __init__(self, batch_size: int | None) -> None:
        self.batch_size = batch_size or 8
        self.bias = np.zeros(4, np.float32)

    def run(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, _, side, _ = batch.shape
        cells = batch.reshape(n, 4, side // 4, 4, side // 4).mean((2, 4))
        maps = np.stack([cells * weight for weight in (3, -1, 1, -3)], axis=1)
        flat = cells.reshape(n, -1)
        features = np.tile(flat, (1, -(-FEATURES // flat.shape[1])))[:, :FEATURES]
        return maps.astype(np.float32), features.astype(np.float32)


def die(pid: int) -> None:
    """Kill the scan, which also ends its workers, and this process."""
    os.kill(pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(number: int, then: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `real` so that its call of the given number runs `then` instead."""
    calls = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            then(*args, **kwargs)
        return real(*args, **kwargs)

    return counted


def draw_and_die(
    tasks: "Sequence[DrawTask]", point: str, number: int, pid: int
) -> "list[Drawn | OutputError]":
    """Draw in a worker that may kill the scan `pid`."""
    plant(point, number, pid)
    return draw_series(tasks)


@cache
def plant(point: str, number: int, pid: int) -> None:
    """Plant the kill of the scan `pid` into this process."""
    if point == "png":

        def half(new: Any, content: bytes) -> None:
            real_write(new, content[: len(content) // 2])
            new._file.flush()
            die(pid)

        real_write = files.NewFile.write
        files.NewFile.write = at_call(number, half, real_write)  # type: ignore[method-assign]
    elif point == "rename":
        Path.replace = at_call(number, lambda *_: die(pid), Path.replace)  # type: ignore[method-assign]
    else:
        signals = {"commit": signal.SIGKILL, "term": signal.SIGTERM}
        Transaction.__exit__ = at_call(  # type: ignore[method-assign]
            number, lambda *_: os.kill(os.getpid(), signals[point]), Transaction.__exit__
        )


def main() -> None:
    archive, out, model, *planted = sys.argv[1:]
    if planted:
        kill = {"point": planted[0], "number": int(planted[1]), "pid": os.getpid()}
        plant(**kill)
        if planted[0] in ("png", "rename"):
            # Workers do not import __main__, but this module under its name.
            from tests.nights import driver

            draw = partial(driver.draw_and_die, **kill)
            import_module("batchmri.pipeline.draw_series").draw_series = draw  # type: ignore[attr-defined]
    batchmri.pipeline.run.loaded_model.load_checkpoint = lambda _: (None, None, None)  # type: ignore[assignment]
    batchmri.pipeline.run.loaded_model.load_backend = (  # type: ignore[assignment]
        lambda network, card, chosen: Arithmetic(chosen.batch_size)
    )
    import_module("batchmri.pipeline.commits").MAX_SERIES = 2  # type: ignore[attr-defined]
    # The tables are written after SIGTERM, however slow the machine is.
    import_module("batchmri.pipeline.scan")._EXPORT_GRACE_S = 60.0  # type: ignore[attr-defined]
    settings = Settings.model_validate(
        {
            "classifier": {"model": model, "device": "cpu", "precision": "fp32"},
            "pixels": {"workers": 2},
            "report": {"gradcam": "top:1", "gradcam_notumor": True},
        }
    )
    options = ScanOptions(allow_shrink=True)
    sys.exit(scan([archive], out=out, settings=settings, options=options).exit_code)


if __name__ == "__main__":
    main()
