"""Access to the pixels of slices in a finished scan, read again from the archive."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from batchmri.pipeline.engines.decode_pool import load_some
from batchmri.pipeline.engines.worker_pool import WorkerPool
from batchmri.pipeline.run.output_folder import state_path
from batchmri.records import Place, Scores, Shown, SliceRef
from batchmri.settings import Settings
from batchmri.state.store import Store


def read_slices(
    out: str | Path, settings: Settings, places: Iterable[Place], *, state: Path | None = None
) -> dict[Place, Shown]:
    """Read classified slices of the scan in `out`; omit slices that can no longer be read."""
    limit = settings.pixels.max_file_mb << 20
    found: dict[Place, Shown] = {}
    with (
        Store(state_path(Path(out), state)) as store,
        WorkerPool(1, settings.archive.file_timeout_s, limit) as pool,
    ):
        for key, index in places:
            if (done := store.series.result(key)) is None:
                continue
            series, refs = done[0].series, list(_refs(store, done[0].scores, index))
            for pixels in load_some(pool, series, refs, limit).values():
                found[key, index] = pixels, series.shown_spacing
    return found


def _refs(store: Store, scores: Iterable[Scores], index: int) -> Iterator[SliceRef]:
    """The slice at `index`, with the path of its file, which the state stores separately."""
    for ref in (one.ref for one in scores if one.ref.index == index):
        path = store.files.path(ref.source)
        if path is not None:
            yield replace(ref, path=path)
