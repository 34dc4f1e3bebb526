"""Readers of other packages."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from batchmri.errors import UsageError
from batchmri.formats.registry import header_version, readers
from batchmri.formats.sniffer import sniff
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import head, write_series
from tests.pipeline.outputs import assert_every_file_accounted_for, table


def test_a_format_of_another_package_is_scanned_like_dicom(
    tmp_path: Path, settings: Settings, install: Callable[[str], None]
) -> None:
    archive, out = tmp_path / "archive", tmp_path / "out"
    write_series(archive)
    np.save(archive / "head.npy", np.stack([head(seed=number) for number in range(6)]))
    (archive / "damaged.npy").write_bytes(b"\x93NUMPY" + b"?" * 200)
    scan([archive], out=out, settings=settings)
    assert [row["format"] for row in table(out, "series")] == ["dicom"]

    install("numpy_format")
    scan([archive], out=out, settings=settings)
    assert sorted(row["format"] for row in table(out, "series")) == ["dicom", "numpy"]
    slices = table(out, "slices")
    dicom, numpy = (
        [row["p_glioma"] for row in slices if row["source"].endswith(".npy") is is_numpy]
        for is_numpy in (False, True)
    )
    assert len(dicom) == 6 and numpy == dicom
    assert [(row["source"], row["reason"]) for row in table(out, "files")] == [
        ("archive/damaged.npy", "bad_header")
    ]
    assert_every_file_accounted_for(out, 8)


def test_readers_of_this_package_are_tried_first(install: Callable[[str], None]) -> None:
    assert (tuple(readers()), header_version(2)) == (("dicom", "nifti"), "2")
    install("numpy_format")
    assert (tuple(readers()), header_version(2)) == (("dicom", "nifti", "numpy"), "2 numpy=1")
    magic = b"\x93NUMPY".ljust(128, b"\0")
    assert sniff("x", magic).reader == "numpy"
    assert sniff("x", magic + b"DICM").reader == "dicom"


def test_a_reader_that_cannot_be_imported_ends_the_scan_at_once(
    tmp_path: Path, settings: Settings, install: Callable[[str], None]
) -> None:
    install("numpy_format")
    (tmp_path / "packages" / "numpy_format.py").write_text("1 / 0")
    write_series(tmp_path / "archive")
    with pytest.raises(UsageError, match=r"numpy_format:NumpyReader.* ZeroDivisionError"):
        scan([tmp_path / "archive"], out=tmp_path / "out", settings=settings)
