"""Access to the slices of a finished scan."""

from pathlib import Path

import nibabel
import numpy as np

from batchmri.pipeline.engines.slice_access import read_slices
from batchmri.pipeline.scan import scan
from batchmri.records import SeriesKey
from batchmri.settings import Settings
from tests.pipeline.builders import head, write_series
from tests.pipeline.outputs import table


def test_slices_are_returned_as_displayed_and_missing_files_are_omitted(
    tmp_path: Path, settings: Settings
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    files = write_series(archive / "dicom", n=6, PixelSpacing=[2.0, 1.0])
    volume = np.stack([head(seed=index)[::-1, ::-1].T for index in range(6)], axis=2)
    image = nibabel.Nifti1Image(volume.astype(np.int16), np.diag([1.0, 3.0, 5.0, 1.0]))
    nibabel.save(image, archive / "volume_t1.nii")
    scan([archive], out=out, settings=settings)
    keys = {
        row["format"]: SeriesKey(row["study_uid"], row["series_uid"], row["series_part"])
        for row in table(out, "series")
    }
    places = [(keys["dicom"], 2), (keys["nifti"], 1)]
    found = read_slices(out, settings, places)
    assert list(found) == places
    for place, index, spacing in zip(places, (2, 1), ((2.0, 1.0), (3.0, 1.0)), strict=True):
        pixels, shown = found[place]
        assert shown == spacing
        assert np.array_equal(pixels, head(seed=index).astype(np.float32))

    files[2].unlink()
    nowhere = (SeriesKey("1.2", "1.2"), 0)
    assert list(read_slices(out, settings, [*places, nowhere])) == places[1:]
