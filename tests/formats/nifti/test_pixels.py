"""NIfTI-1, NIfTI-2, Analyze; scaling, orientation, refusals."""

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest

from batchmri.formats.nifti import pixels as nifti_pixels
from batchmri.reasons import Reason
from batchmri.records import Display
from batchmri.shared_file import SharedFile


@pytest.fixture
def volume() -> np.ndarray:
    return np.random.default_rng(3).integers(-500, 3000, (6, 7, 8), np.int16)


def save(image: nibabel.spatialimages.SpatialImage, path: Path) -> Path:
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz", "v.hdr", "v.hdr.gz"])
def test_slices_along_each_axis(name: str, axis: int, volume, tmp_path, decoded) -> None:
    kind = nibabel.Nifti1Image if "nii" in name else nibabel.Nifti1Pair
    path = save(kind(volume, np.eye(4)), tmp_path / name)
    for number in (1, 4):
        image = decoded(path, number, slice_axis=axis).slices[0]
        np.testing.assert_array_equal(image, np.take(volume, number - 1, axis=axis))


def test_display_comes_after_the_slice(volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii")
    image = decoded(path, 3, display=Display(transpose=True, flip_rows=True)).slices[0]
    np.testing.assert_array_equal(image, volume[:, :, 2].T[::-1])


@pytest.mark.parametrize("kind", [nibabel.Nifti2Image, nibabel.Nifti2Pair, nibabel.AnalyzeImage])
def test_other_headers(kind: type, volume, tmp_path, decoded) -> None:
    name = "v.nii" if kind is nibabel.Nifti2Image else "v.hdr"
    path = save(kind(volume, np.eye(4)), tmp_path / name)
    np.testing.assert_array_equal(decoded(path, 5).slices[0], volume[:, :, 4])


@pytest.mark.parametrize("kind", [nibabel.Nifti1Header, nibabel.Nifti2Header])
def test_big_endian(kind: type, volume, tmp_path, decoded) -> None:
    header = kind(endianness=">")
    header.set_data_dtype(np.dtype(">i2"))
    klass = nibabel.Nifti1Image if kind is nibabel.Nifti1Header else nibabel.Nifti2Image
    path = save(klass(volume, np.eye(4), header), tmp_path / "v.nii")
    np.testing.assert_array_equal(decoded(path, 2).slices[0], volume[:, :, 1])


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.uint16, np.int32, np.uint32, np.int64, np.float32, np.float64]
)
def test_value_types(dtype: type, tmp_path, decoded) -> None:
    volume = np.random.default_rng(4).integers(0, 120, (6, 7, 8)).astype(dtype)
    path = save(nibabel.Nifti1Image(volume, np.eye(4), dtype=dtype), tmp_path / "v.nii")
    np.testing.assert_array_equal(decoded(path, 8).slices[0], volume[:, :, 7])


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [(0.5, 10, (0.5, 10)), (0, 5, (1, 0)), (np.nan, 5, (1, 0)), (np.inf, 0, (1, 0))],
)
def test_scaling(slope, intercept, expected, volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii")
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([slope, intercept], "<f4").tobytes()
    path.write_bytes(content)
    image = decoded(path, 1).slices[0]
    np.testing.assert_allclose(image, volume[:, :, 0] * expected[0] + expected[1])


def test_first_volume_of_four_dimensions(tmp_path, decoded) -> None:
    series = np.random.default_rng(5).integers(0, 900, (4, 5, 6, 3), np.int16)
    path = save(nibabel.Nifti1Image(series, np.eye(4)), tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(decoded(path, 6).slices[0], series[:, :, 5, 0])
    assert decoded(path, 7).slices[0].reason is Reason.BAD_PIXELS


def test_two_dimensions(volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume[:, :, 0], np.eye(4)), tmp_path / "v.nii")
    np.testing.assert_array_equal(decoded(path, 1).slices[0], volume[:, :, 0])


def test_nan_and_inf_become_the_minimum(volume, tmp_path, decoded) -> None:
    values = volume.astype(np.float32)
    values[0, 0, :], values[0, 1, :] = np.nan, -np.inf
    values[:, :, 1] = np.nan
    path = save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "v.nii")
    image, empty = decoded(path, 1, 2).slices
    assert image[0, 0] == image[0, 1] == image.min() == volume[:, :, 0].ravel()[2:].min()
    assert empty.reason is Reason.BLANK_SLICE


@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz"])
def test_truncated_file(name: str, volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / name)
    content = path.read_bytes()
    for keep in (200, len(content) - 50):
        path.write_bytes(content[:keep])
        assert decoded(path, 1, 2).slices[1].reason is Reason.TRUNCATED


def test_damaged_gzip(volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii.gz")
    content = bytearray(path.read_bytes())
    content[-8:-4] = b"\xff\xff\xff\xff"  # the checksum
    path.write_bytes(content)
    assert decoded(path).slices[0].reason is Reason.BAD_PIXELS


def test_image_of_a_pair_is_missing(volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Pair(volume, np.eye(4)), tmp_path / "v.hdr")
    (tmp_path / "v.img").unlink()
    assert decoded(path).slices[0].reason is Reason.NO_PIXEL_DATA


def test_rgb_and_complex(tmp_path, decoded) -> None:
    rgb = np.zeros((4, 4, 4), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    path = save(nibabel.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii")
    assert decoded(path).slices[0].reason is Reason.COLOR
    path = save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.complex64), np.eye(4)), path)
    assert decoded(path).slices[0].reason is Reason.UNSUPPORTED_OBJECT


def test_gzip_bomb_is_refused_unread(volume, tmp_path, decoded) -> None:
    plain = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii")
    header = bytearray(plain.read_bytes()[:352])
    header[42:48] = np.array([30000, 30000, 100], "<i2").tobytes()
    path = tmp_path / "bomb.nii.gz"
    with gzip.open(path, "wb") as stream:
        stream.write(header)
        stream.write(bytes(5 << 20))
    assert decoded(path).slices[0].reason is Reason.TOO_LARGE


def test_invalid_data_offset(volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii")
    content = bytearray(path.read_bytes())
    content[108:112] = np.array([0], "<f4").tobytes()
    path.write_bytes(content)
    np.testing.assert_array_equal(decoded(path, 1).slices[0], volume[:, :, 0])
    content[108:112] = np.array([3e9], "<f4").tobytes()
    path.write_bytes(content)
    assert decoded(path).slices[0].reason is Reason.TOO_LARGE


def big_endian(volume: np.ndarray, path: Path) -> Path:
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(volume.dtype.newbyteorder(">"))
    return save(nibabel.Nifti1Image(volume, np.eye(4), header), path)


@pytest.fixture
def shared() -> Iterator[str]:
    memory = SharedFile()
    yield memory.address
    memory.close()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("in_shared_memory", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
def test_slices_are_views_of_one_volume(
    swapped, in_shared_memory, axis, volume, tmp_path, decoded, shared, monkeypatch
) -> None:
    """Regression: copying the volume per slice, a head of 256 slices took 23 s."""
    path = tmp_path / "v.nii.gz"
    if swapped:
        big_endian(volume, path)
    else:
        save(nibabel.Nifti1Image(volume, np.eye(4)), path)
    read: list[np.ndarray] = []

    def spy(*arguments: object) -> tuple[np.ndarray, bool]:
        found, trailing = read_volume(*arguments)
        read.append(found)
        return found, trailing

    used: list[np.ndarray] = []

    def finish(stored: np.ndarray, *rest: object) -> object:
        used.append(stored)
        return _slice(stored, *rest)

    read_volume, _slice = nifti_pixels.read_volume, nifti_pixels._slice
    monkeypatch.setattr(nifti_pixels, "read_volume", spy)
    monkeypatch.setattr(nifti_pixels, "_slice", finish)
    numbers = tuple(range(1, volume.shape[axis] + 1))
    options = {"slice_axis": axis, "shared": shared if in_shared_memory else ""}
    slices = decoded(path, *numbers, **options).slices
    for number, image in zip(numbers, slices, strict=True):
        np.testing.assert_array_equal(image, np.take(volume, number - 1, axis=axis))
    (whole,) = read
    assert all(np.shares_memory(stored, whole) for stored in used)


def test_a_volume_in_shared_memory_is_inflated_once(volume, tmp_path, decoded, shared) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii.gz")
    decoded(path, 1, 2, shared=shared)
    content = path.read_bytes()
    path.write_bytes(content[:-40])  # inflating it again would fail: it is truncated
    for number in (3, 8):
        image = decoded(path, number, shared=shared).slices[0]
        np.testing.assert_array_equal(image, volume[:, :, number - 1])
    save(nibabel.Nifti1Image(volume[:3], np.eye(4)), path)
    assert decoded(path, 1, shared=shared).slices[0].reason is Reason.BAD_PIXELS


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ["v.nii", "v.nii.gz", "v.hdr"])
def test_a_few_slices_read_again(name, axis, volume, tmp_path, decoded, monkeypatch) -> None:
    kind = nibabel.Nifti1Image if "nii" in name else nibabel.Nifti1Pair
    path = save(kind(volume, np.eye(4)), tmp_path / name)
    monkeypatch.setattr(nifti_pixels, "read_volume", None)  # the whole volume must not be read
    found = decoded(path, 5, 2, 9, slice_axis=axis, again=True).slices
    np.testing.assert_array_equal(found[0], np.take(volume, 4, axis=axis))
    np.testing.assert_array_equal(found[1], np.take(volume, 1, axis=axis))
    assert found[2].reason is Reason.BAD_PIXELS


def test_a_few_slices_of_a_truncated_file(volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii")
    path.write_bytes(path.read_bytes()[:-50])
    assert decoded(path, 8, again=True).slices[0].reason is Reason.TRUNCATED
    np.testing.assert_array_equal(decoded(path, 7, again=True).slices[0], volume[:, :, 6])


def test_damaged_gzip_is_named_in_words(volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii.gz")
    content = path.read_bytes()
    path.write_bytes(content[:-8] + bytes(4) + content[-4:])
    refusal = decoded(path, 8).slices[0]
    assert (refusal.reason, refusal.detail) == (
        Reason.BAD_PIXELS,
        "the compressed content is damaged",
    )


def test_padding_and_further_members_after_gzip_are_content(volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii.gz")
    content = path.read_bytes()
    plain = gzip.decompress(content)
    split = gzip.compress(plain[:300]) + gzip.compress(plain[300:500]) + gzip.compress(plain[500:])
    for good in (content + bytes(1000), split, split + bytes(3), content + gzip.compress(b"x")):
        path.write_bytes(good)
        found = decoded(path, 8)
        np.testing.assert_array_equal(found.slices[0], volume[:, :, 7])
        assert found.flags == ()


@pytest.mark.parametrize("flags", range(0, 32, 2))
@pytest.mark.parametrize("chunk", [1, 7, 40])
def test_a_gzip_header_may_be_cut_at_any_place(
    chunk, flags, volume, tmp_path, decoded, monkeypatch
) -> None:
    """By the bits of RFC 1952: FHCRC 2, FEXTRA 4, FNAME 8, FCOMMENT 16."""
    monkeypatch.setattr("batchmri.formats.gzip_reader._CHUNK", chunk)
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii")
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6)
    head += b"\x05\x00extra" if flags & 4 else b""
    head += b"name\0" if flags & 8 else b""
    head += b"comment\0" if flags & 16 else b""
    head += struct.pack("<H", zlib.crc32(head) & 0xFFFF) if flags & 2 else b""
    content = path.read_bytes()
    first, second = (head + gzip.compress(part)[10:] for part in (content[:100], content[100:]))
    packed = tmp_path / "v.nii.gz"
    packed.write_bytes(gzip.compress(b"") + first + second)
    np.testing.assert_array_equal(decoded(packed, 8).slices[0], volume[:, :, 7])


@pytest.mark.parametrize(
    "tail", [b"x", b"junk" * 300, bytes(600) + b"junk", b"\x1f", b"\x1f\x8bjunk"]
)
@pytest.mark.parametrize("name", ["v.nii.gz", "v.hdr.gz"])
def test_bytes_after_gzip_are_ignored_and_flagged(name, tail, volume, tmp_path, decoded) -> None:
    kind = nibabel.Nifti1Image if "nii" in name else nibabel.Nifti1Pair
    path = save(kind(volume, np.eye(4)), tmp_path / name)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes() + tail)
    found = decoded(path, 1, 8)
    np.testing.assert_array_equal(found.slices[1], volume[:, :, 7])
    assert found.flags == ("trailing_bytes",)


def test_a_damaged_member_after_the_values_is_ignored(volume, tmp_path, decoded) -> None:
    path = save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "v.nii.gz")
    path.write_bytes(path.read_bytes() + gzip.compress(b"x")[:-6])
    np.testing.assert_array_equal(decoded(path, 8).slices[0], volume[:, :, 7])


def test_a_constant_slice_is_blank_with_any_scaling(volume, tmp_path, decoded) -> None:
    volume[:, :, 3] = 7
    values = volume.astype(np.float32)
    values[:, :, 4] = np.inf
    image = nibabel.Nifti1Image(values, np.eye(4))
    path = save(image, tmp_path / "v.nii.gz")
    assert [s.detail for s in decoded(path, 4, 5).slices] == ["one gray level", "no finite value"]
