"""Records of series that change without a change of their files."""

from dataclasses import replace
from pathlib import Path

from batchmri.reasons import Status
from batchmri.records import SeriesResult
from batchmri.state.series import Trouble
from batchmri.state.store import Store
from tests.outputs.records import KEY, scores, series


def test_an_updated_record_keeps_the_result_and_the_flags_found_in_pixels(tmp_path: Path) -> None:
    refs = tuple(scores(index).ref for index in range(2))
    planned = series(slices=refs, fingerprint="1:a:b", flags=("gap",))
    with Store(tmp_path / "state.db") as store:
        store.series.put(planned, "1.2.3", None)
        found = replace(planned, flags=("crop_failed", "gap"))
        result = SeriesResult(found, Status.CLASSIFIED, scores=(scores(0), scores(1)))
        store.series.put_result(result, "1:a:b", [], Trouble.NONE)
        before = store.revision
        store.series.update_record(planned)
        assert store.revision == before, "nothing to write"

        later = replace(planned, sequence="t1_contrast", fingerprint="2:c:b")
        store.series.update_record(later)
        assert store.revision > before
        done = store.series.result(KEY)
        assert done is not None
        assert (done[1], done[0].series.sequence) == ("2:c:b", "t1_contrast")
        assert done[0].series.flags == ("crop_failed", "gap")
        assert (done[0].series.n_slices, len(done[0].scores)) == (2, 2)
