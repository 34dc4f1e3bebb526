"""Collection of the results of one series."""

from pathlib import Path

import numpy as np

from batchmri.pipeline.engines.decode_pool import PreparedChunk
from batchmri.pipeline.engines.prepared_slices import PreparedSlice
from batchmri.pipeline.engines.series_accumulator import ClassifiedSlice, SeriesAccumulator
from batchmri.records import CropBox, Scores
from tests.pipeline.test_decode_pool import nifti_series, noise


def test_flags_found_while_decoding_reach_the_series(tmp_path: Path) -> None:
    series = nifti_series(tmp_path, noise(8, 8, 6))
    accumulator = SeriesAccumulator(series)
    prepared = PreparedSlice(np.zeros((1, 8, 8), np.float32), CropBox(0, 0, 8, 8), (), None)
    maps = np.zeros(1, np.float32)
    for number, ref in enumerate(series.slices):
        flags = frozenset({"trailing_bytes"} if number == 0 else ())
        accumulator.add(PreparedChunk(series, (ref,), (prepared,), number == 5, flags))
        accumulator.classified[ref.index] = ClassifiedSlice(ref, prepared.box, (), maps, maps)
    assert accumulator.complete
    scores = tuple(Scores(ref, (1.0,), prepared.box) for ref in series.slices)
    assert "trailing_bytes" in accumulator.result(scores, "digest").series.flags
