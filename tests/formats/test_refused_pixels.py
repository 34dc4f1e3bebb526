"""Truncated, too large, invalid and missing files are refused with a reason."""

import tracemalloc
import zlib

import numpy as np
from pydicom import dcmread, uid

from batchmri.reasons import Reason


def test_truncated(ramp, dicom, decoded) -> None:
    path = dicom(ramp)
    path.write_bytes(path.read_bytes()[:-10])
    assert decoded(path).slices[0].reason is Reason.TRUNCATED


def test_frames_before_the_truncation_are_read(ramp, dicom, decoded) -> None:
    path = dicom(np.stack([ramp, ramp]))
    path.write_bytes(path.read_bytes()[:-10])
    first, second = decoded(path, 1, 2).slices
    np.testing.assert_array_equal(first, ramp)
    assert second.reason is Reason.TRUNCATED


def test_truncated_inside_the_header(ramp, dicom, decoded) -> None:
    path = dicom(ramp)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\xe0\x7f\x10\x00OW") + 10])
    assert decoded(path).slices[0].reason is Reason.TRUNCATED


def test_fewer_pixels_than_the_header_says(ramp, dicom, decoded) -> None:
    assert decoded(dicom(ramp, Rows=500)).slices[0].reason is Reason.BAD_PIXELS


def test_declared_size_is_checked_first(ramp, dicom, decoded) -> None:
    path = dicom(ramp, Rows=65535, Columns=65535)
    assert decoded(path).slices[0].reason is Reason.TOO_LARGE


def test_deflate_bomb(ramp, dicom, decoded) -> None:
    path = dicom(ramp, uid.DeflatedExplicitVRLittleEndian)
    meta = dcmread(path).file_meta
    content = path.read_bytes()[: 132 + 12 + meta.FileMetaInformationGroupLength]
    raw = zlib.compressobj(wbits=-15)
    path.write_bytes(content + raw.compress(bytes(40 << 20)) + raw.flush())
    tracemalloc.start()
    refusal = decoded(path, max_bytes=1 << 20).slices[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refusal.reason is Reason.TOO_LARGE
    assert peak < 10 << 20


def test_a_damaged_deflated_data_set_is_named_in_words(ramp, dicom, decoded) -> None:
    path = dicom(ramp, uid.DeflatedExplicitVRLittleEndian)
    meta = dcmread(path).file_meta
    content = path.read_bytes()[: 132 + 12 + meta.FileMetaInformationGroupLength]
    path.write_bytes(content + b"\xff" * 100)
    assert decoded(path).slices[0].detail == "the deflated data set is damaged"


def test_color_and_palette(ramp, dicom, decoded) -> None:
    for photometric, samples in (("RGB", 3), ("PALETTE COLOR", 1), ("YBR_FULL", 3)):
        path = dicom(ramp, PhotometricInterpretation=photometric, SamplesPerPixel=samples)
        assert decoded(path).slices[0].reason is Reason.COLOR


def test_one_bit_pixels(ramp, dicom, decoded) -> None:
    refusal = decoded(dicom(ramp, BitsAllocated=1)).slices[0]
    assert refusal.reason is Reason.UNSUPPORTED_OBJECT


def test_no_pixels(ramp, dicom, decoded) -> None:
    path = dicom(ramp)
    ds = dcmread(path)
    del ds.PixelData
    ds.save_as(path)
    assert decoded(path).slices[0].reason is Reason.NO_PIXEL_DATA


def test_missing_file_and_random_file(tmp_path, decoded) -> None:
    assert decoded(tmp_path / "gone.dcm").slices[0].reason is Reason.IO_ERROR
    path = tmp_path / "noise.dcm"
    path.write_bytes(np.random.default_rng(1).bytes(5000))
    assert decoded(path, 1, 2).slices[1].reason.status == "failed" or decoded(path).slices


def test_blank(dicom, decoded) -> None:
    stored = np.full((40, 40), 7, np.uint16)
    assert decoded(dicom(stored)).slices[0].reason is Reason.BLANK_SLICE
    stored[3, 3:10] = 4000
    assert decoded(dicom(stored)).slices[0].reason is Reason.BLANK_SLICE
    stored[3:6] = 50
    np.testing.assert_array_equal(decoded(dicom(stored)).slices[0], stored)
