"""What is collected of one series."""

from pathlib import Path

import numpy as np

from batchmri.pipeline.decode_pool import Parcel
from batchmri.pipeline.series_accumulator import Tray
from batchmri.records import CropBox, Scores
from tests.pipeline.test_decode_pool import nifti_series, noise


def test_flags_found_while_decoding_reach_the_series(tmp_path: Path) -> None:
    series = nifti_series(tmp_path, noise(8, 8, 6))
    tray = Tray(series)
    picture = np.zeros((8, 8), np.float32)
    for number, ref in enumerate(series.slices):
        flags = frozenset({"trailing_bytes"} if number == 0 else ())
        tray.add(Parcel(series, (ref,), (picture,), number == 5, flags))
        tray.scores[ref.index] = Scores(ref, (1.0,), CropBox(0, 0, 8, 8))
    assert tray.complete
    assert "trailing_bytes" in tray.result("digest").series.flags
