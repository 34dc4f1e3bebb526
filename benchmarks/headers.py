"""Headers read per second on one core: python -m benchmarks.headers [FILES] (default 10000).

Reads the generated files of benchmarks/memory.py, in the cache of the file system: with the reader
alone, and as a scan does it (a worker process, its results, and state.db) on the same core.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from batchmri.archive.walker import walk
from batchmri.formats.header_context import HeaderContext
from batchmri.formats.read_headers import read_headers
from batchmri.outputs.console import Console
from batchmri.pipeline.engines.base import EngineContext
from batchmri.pipeline.engines.local import LocalEngine
from batchmri.pipeline.index import index
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.records import FileEntry
from batchmri.settings import Settings
from batchmri.state.store import Store
from benchmarks.archives import machine
from benchmarks.memory import make_archive


def main() -> None:
    n_files = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    print(f"{machine()}; {n_files} files, one core\n")
    print("| what | files/s |\n|---|---|")
    settings = Settings.model_validate({"pixels": {"workers": 1}})
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "archive"
        make_archive(archive, n_files)
        entries = [e for e in walk({"a": str(archive)}, (), ()) if isinstance(e, FileEntry)]
        context = HeaderContext(b"key", settings.archive.nifti_study, False)

        def read() -> None:
            for at in range(0, n_files, 32):
                read_headers(entries[at : at + 32], context)

        def read_into_state() -> None:
            stop, console = Shutdown(), Console("plain", "")
            engine = LocalEngine(EngineContext(settings, stop))
            with engine, Store(Path(name) / "state.db") as store:
                index(
                    store, {"a": str(archive)}, None, settings, ScanOptions(), engine, console, stop
                )

        def row(what: str, work: Callable[[], None]) -> None:
            start = time.perf_counter()
            work()
            print(f"| {what} | {n_files / (time.perf_counter() - start):.0f} |", flush=True)

        row("the reader alone", read)
        row("index of a scan, with the start of a worker", read_into_state)


if __name__ == "__main__":
    main()
