"""Fragments are assigned to frames with any offset tables."""

import struct

import numpy as np
import pytest
from pydicom import dcmread, uid
from pydicom.encaps import encapsulate, encapsulate_extended, get_frame

from batchmri.reasons import Reason


@pytest.fixture
def frames(ramp) -> np.ndarray:
    return np.stack([ramp, ramp[::-1], ramp[:, ::-1]])


@pytest.fixture
def encoded(frames, dicom) -> list[bytes]:
    """Each frame as a JPEG 2000 codestream."""
    codestreams = []
    for frame in frames:
        ds = dcmread(dicom(frame, BitsStored=12, HighBit=11, name="one.dcm"))
        ds.compress(uid.JPEG2000Lossless)
        codestreams.append(get_frame(ds.PixelData, 0, number_of_frames=1))
    return codestreams


def item(content: bytes) -> bytes:
    return struct.pack("<LL", 0xE000FFFE, len(content)) + content


def check(path, frames, decoded) -> None:
    for number in (3, 1, 2):
        np.testing.assert_array_equal(decoded(path, number).slices[0], frames[number - 1])


def halves(codestream: bytes) -> list[bytes]:
    middle = len(codestream) // 4 * 2
    return [codestream[:middle], codestream[middle:]]


def test_basic_offset_table(frames, encoded, dicom, decoded) -> None:
    path = dicom(frames, uid.JPEG2000Lossless, encapsulate(encoded, has_bot=True), BitsStored=12)
    check(path, frames, decoded)


def test_fragmented_frames_with_table(frames, encoded, dicom, decoded) -> None:
    data = encapsulate(encoded, fragments_per_frame=4, has_bot=True)
    check(dicom(frames, uid.JPEG2000Lossless, data, BitsStored=12), frames, decoded)


def test_fragmented_frames_without_table(frames, encoded, dicom, decoded) -> None:
    data = encapsulate(encoded, fragments_per_frame=3, has_bot=False)
    check(dicom(frames, uid.JPEG2000Lossless, data, BitsStored=12), frames, decoded)


def test_extended_offset_table(frames, encoded, dicom, decoded) -> None:
    data, offsets, lengths = encapsulate_extended(encoded)
    path = dicom(
        frames,
        uid.JPEG2000Lossless,
        data,
        BitsStored=12,
        ExtendedOffsetTable=offsets,
        ExtendedOffsetTableLengths=lengths,
    )
    check(path, frames, decoded)


def test_wrong_table_is_not_trusted(frames, encoded, dicom, decoded) -> None:
    table = struct.pack("<3L", 0, 12, 24)
    data = item(table) + b"".join(item(c + b"\0" * (len(c) % 2)) for c in encoded)
    check(dicom(frames, uid.JPEG2000Lossless, data, BitsStored=12), frames, decoded)


def test_missing_table_item(frames, encoded, dicom, decoded) -> None:
    data = b"".join(item(part) for codestream in encoded for part in halves(codestream))
    check(dicom(frames, uid.JPEG2000Lossless, data, BitsStored=12), frames, decoded)


def test_frames_before_the_truncation_are_read(frames, encoded, dicom, decoded) -> None:
    data = encapsulate(encoded, has_bot=True)
    path = dicom(frames, uid.JPEG2000Lossless, data, BitsStored=12)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(encoded[2][:40]) + 100])
    first, last = decoded(path, 1, 3).slices
    np.testing.assert_array_equal(first, frames[0])
    assert last.reason is Reason.TRUNCATED


def test_truncated_before_the_last_frame(frames, encoded, dicom, decoded) -> None:
    data = encapsulate(encoded, has_bot=True)
    path = dicom(frames, uid.JPEG2000Lossless, data, BitsStored=12)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(encoded[2][:40]) - 8])
    second, last = decoded(path, 2, 3).slices
    np.testing.assert_array_equal(second, frames[1])
    assert last.reason is Reason.TRUNCATED


def test_too_few_frames(frames, encoded, dicom, decoded) -> None:
    path = dicom(frames, uid.JPEG2000Lossless, encapsulate(encoded[:2]), BitsStored=12)
    assert decoded(path, 3).slices[0].reason is Reason.BAD_PIXELS


def test_damaged_items(frames, encoded, dicom, decoded) -> None:
    path = dicom(frames, uid.JPEG2000Lossless, encapsulate(encoded), BitsStored=12)
    content = path.read_bytes()
    at = content.rindex(encoded[1][:40]) - 8
    path.write_bytes(content[:at] + b"\xde\xad\xbe\xef" + content[at + 4 :])
    assert decoded(path, 1).slices[0].reason is Reason.BAD_PIXELS
