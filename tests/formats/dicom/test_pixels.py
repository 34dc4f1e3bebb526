"""Rescale, photometric interpretation, padding, sizes, multi-frame, display."""

import numpy as np
import pytest
from pydicom import dcmread, uid
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from batchmri.formats.dicom import pixels as dicom_pixels
from batchmri.reasons import Reason
from batchmri.records import Display
from tests.formats.dicom.test_codecs import gdcm_encoded


def transformation(slope: float, intercept: float) -> Dataset:
    values = Dataset()
    values.RescaleSlope, values.RescaleIntercept = slope, intercept
    group = Dataset()
    group.PixelValueTransformationSequence = [values]
    return group


def test_rescale(ramp, dicom, decoded) -> None:
    path = dicom(ramp, RescaleSlope="0.5", RescaleIntercept="-7")
    np.testing.assert_allclose(decoded(path).slices[0], ramp * 0.5 - 7)


@pytest.mark.parametrize("slope", ["0", ""])
def test_invalid_slope_is_ignored(slope: str, ramp, dicom, decoded) -> None:
    path = dicom(ramp, RescaleSlope=slope, RescaleIntercept="")
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


def test_rescale_of_functional_groups(ramp, dicom, decoded) -> None:
    path = dicom(
        np.stack([ramp, ramp]),
        PerFrameFunctionalGroupsSequence=[transformation(2, 1), Dataset()],
        SharedFunctionalGroupsSequence=[transformation(3, 5)],
        RescaleSlope="9",
    )
    own, shared = decoded(path, 1, 2).slices
    np.testing.assert_array_equal(own, ramp * 2.0 + 1)
    np.testing.assert_array_equal(shared, ramp * 3.0 + 5)


def test_monochrome1_is_inverted(ramp, dicom, decoded) -> None:
    path = dicom(ramp, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11,
                 RescaleSlope="2")  # fmt: skip
    np.testing.assert_array_equal(decoded(path).slices[0], (4095.0 - ramp) * 2)


def test_monochrome1_signed(ramp, dicom, decoded) -> None:
    stored = ramp.astype(np.int16) - 1000
    path = dicom(stored, PhotometricInterpretation="MONOCHROME1", BitsStored=16)
    np.testing.assert_array_equal(decoded(path).slices[0], -1.0 - stored)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME1", None, True),
        ("MONOCHROME1", "", True),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME1", "IDENTITY", False),
        ("MONOCHROME2", None, False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME2", "IDENTITY", False),
    ],
)
def test_presentation_lut_shape_takes_precedence(
    photometric: str, shape: str | None, inverted: bool, ramp, dicom, decoded
) -> None:
    """DCMTK's dcm2pnm and highdicom show these seven the same way."""
    tags = {"PhotometricInterpretation": photometric, "BitsStored": 12, "HighBit": 11}
    path = dicom(ramp, **tags, **({} if shape is None else {"PresentationLUTShape": shape}))
    np.testing.assert_array_equal(decoded(path).slices[0], 4095.0 - ramp if inverted else ramp)


def look_up(first: int, entries: np.ndarray, bits: int, vr: str = "US") -> Dataset:
    table = Dataset()
    table.LUTDescriptor = [len(entries), first, bits]
    table["LUTDescriptor"].VR = "SS" if first < 0 else "US"
    table.ModalityLUTType = "US"
    table.LUTData = entries.astype("<u2").tobytes() if vr == "OW" else entries.tolist()
    table["LUTData"].VR = vr
    return table


@pytest.mark.parametrize("vr", ["US", "OW"])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian])
def test_modality_lut_replaces_rescale(syntax: uid.UID, vr: str, ramp, dicom, decoded) -> None:
    entries = (np.arange(1000) * 7 % 5000).astype(np.uint16)
    table = look_up(100, entries, 16, vr)
    path = dicom(ramp, syntax, ModalityLUTSequence=[table], RescaleSlope="3", RescaleIntercept="9")
    expected = entries[np.clip(ramp.astype(int) - 100, 0, 999)]
    np.testing.assert_array_equal(decoded(path).slices[0], expected)


def test_modality_lut_of_signed_inverted_pixels(ramp, dicom, decoded) -> None:
    entries = np.arange(0, 240, 2, dtype=np.uint16)
    table = look_up(-60, entries, 8)
    path = dicom(ramp.astype(np.int16) - 500, ModalityLUTSequence=[table],
                 PhotometricInterpretation="MONOCHROME1")  # fmt: skip
    expected = 255.0 - entries[np.clip(ramp.astype(int) - 440, 0, 119)]
    np.testing.assert_array_equal(decoded(path).slices[0], expected)


def test_truncated_or_invalid_modality_lut(ramp, dicom, decoded) -> None:
    entries = np.arange(1000, dtype=np.uint16)
    contradictory, empty = look_up(0, entries, 16, "OW"), Dataset()
    contradictory.LUTDescriptor = [60_000, 0, 16]
    for table in (contradictory, empty, look_up(0, entries, 13)):
        refusal = decoded(dicom(ramp, ModalityLUTSequence=[table])).slices[0]
        assert refusal.reason is Reason.BAD_PIXELS


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_replaced_with_the_minimum(photometric: str, ramp, dicom, decoded) -> None:
    stored = ramp + 100
    stored[:5] = 60000
    path = dicom(stored, PixelPaddingValue=60000, PhotometricInterpretation=photometric)
    image = decoded(path).slices[0]
    assert (image[:5] == image[5:].min()).all()


def test_padding_range(ramp, dicom, decoded) -> None:
    stored = ramp + 100
    stored[0], stored[1] = 3, 7
    image = decoded(dicom(stored, PixelPaddingValue=7, PixelPaddingRangeLimit=2)).slices[0]
    assert (image[:2] == stored[2:].min()).all()
    np.testing.assert_array_equal(image[2:], stored[2:])


def test_padding_written_unsigned_for_signed_pixels(ramp, dicom, decoded) -> None:
    stored = ramp.astype(np.int16)
    stored[:4] = -2000
    path = dicom(stored)
    content = path.read_bytes()
    # (0028,0120) US 63536, inserted before the pixels.
    element = b"\x28\x00\x20\x01US\x02\x00" + (63536).to_bytes(2, "little")
    at = content.index(b"\xe0\x7f\x10\x00OW")
    path.write_bytes(content[:at] + element + content[at:])
    assert decoded(path).slices[0].min() == stored[4:].min()


def test_unused_bits_are_ignored(ramp, dicom, decoded) -> None:
    stored = ramp % 4096
    path = dicom(stored | 0xF000, BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(decoded(path).slices[0], stored)


def test_an_overlay_in_the_unused_bits_is_ignored(ramp, dicom, decoded) -> None:
    path = dicom(ramp % 4096 | 0x8000, BitsStored=12, HighBit=11)
    ds = dcmread(path)
    for tag, vr, value in ((0x0010, "US", 40), (0x0011, "US", 36), (0x0040, "CS", "G"),
                           (0x0100, "US", 16), (0x0102, "US", 15)):  # fmt: skip
        ds.add_new(0x60000000 | tag, vr, value)
    ds.save_as(path)
    np.testing.assert_array_equal(decoded(path).slices[0], ramp % 4096)
    path = gdcm_encoded(path, "JPEGLosslessProcess14_1")
    np.testing.assert_array_equal(decoded(path).slices[0], ramp % 4096)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize(
    "syntax",
    [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian, uid.RLELossless,
     uid.UID("1.2.840.10008.1.2.1.98")],
)  # fmt: skip
def test_high_bit_defines_the_position_of_values(
    syntax: uid.UID, signed: bool, ramp, dicom, decoded
) -> None:
    values = ramp.astype(np.int16) - 1500 if signed else ramp
    stored = (values << 3 | 5).astype(np.int16 if signed else np.uint16)  # noise in three low bits
    tags = {"BitsStored": 13, "HighBit": 15}
    if not syntax.is_encapsulated:
        path = dicom(stored, syntax, **tags)
    elif syntax == uid.RLELossless:
        path = dicom(stored, **tags)
        ds = dcmread(path)
        ds.compress(syntax)
        ds.save_as(path)
    else:
        path = dicom(stored, syntax, encapsulate([stored.tobytes()]), **tags)
    np.testing.assert_array_equal(decoded(path).slices[0], values)


@pytest.mark.parametrize("high_bit", [None, 3, 40])
def test_invalid_high_bit_is_ignored(high_bit: int | None, ramp, dicom, decoded) -> None:
    path = dicom(ramp, BitsStored=12, HighBit=high_bit)
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


@pytest.mark.parametrize("bits", [11, 13, 15])
def test_the_sign_of_an_odd_number_of_bits(bits: int, dicom, decoded) -> None:
    values = np.linspace(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 400).reshape(20, 20)
    values = values.astype(np.int16)
    bare = values.view(np.uint16) & (2**bits - 1)
    for above in (0, 0xFFFF << bits & 0xFFFF):
        stored = (bare | above).astype(np.uint16).view(np.int16)
        path = dicom(stored, BitsStored=bits, HighBit=bits - 1)
        np.testing.assert_array_equal(decoded(path).slices[0], values)


def test_padding_of_an_implicit_file(ramp, dicom, decoded) -> None:
    stored = ramp.astype(np.int16) + 100
    stored[:5] = -32768
    path = dicom(stored, uid.ImplicitVRLittleEndian, PixelPaddingValue=-32768)
    assert decoded(path).slices[0].min() == stored[5:].min()


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
def test_float_pixels(keyword: str, ramp, dicom, decoded) -> None:
    stored = ramp.astype(np.float64 if keyword.startswith("Double") else np.float32) / 7
    stored[0, 0], stored[0, 1] = np.nan, np.inf
    path = dicom(ramp)
    ds = dcmread(path)
    del ds.PixelData
    ds.BitsAllocated = 8 * stored.itemsize
    setattr(ds, keyword, stored.tobytes())
    ds.save_as(path)
    image = decoded(path).slices[0]
    np.testing.assert_allclose(image[1:], stored[1:], rtol=1e-6)
    assert image[0, 0] == image[0, 1] == image[0, 2:].min().clip(max=image[1:].min())


def test_requested_frames_in_requested_order(dicom, decoded) -> None:
    stored = np.random.default_rng(0).integers(0, 4000, (5, 8, 9), np.uint16)
    slices = decoded(dicom(stored), 4, 2).slices
    np.testing.assert_array_equal(np.stack(slices), stored[[3, 1]])


def test_tiles_of_a_mosaic(dicom, decoded, monkeypatch) -> None:
    tiles = np.random.default_rng(0).integers(0, 4000, (4, 6, 5), np.uint16)
    mosaic = tiles.reshape(2, 2, 6, 5).swapaxes(1, 2).reshape(12, 10)
    places = [(6, 0, 6, 5), (0, 5, 6, 5), None, (8, 0, 6, 5), (-1, 0, 6, 5)]
    path = dicom(mosaic, RescaleSlope="2")
    calls = []
    read = dicom_pixels.decode_native
    monkeypatch.setattr(dicom_pixels, "decode_native", lambda *a: calls.append(1) or read(*a))
    found = decoded(
        path, 1, 1, 1, 1, 1, tiles=tuple(places), display=Display(flip_rows=True)
    ).slices
    np.testing.assert_array_equal(found[0], tiles[2][::-1] * 2.0)
    np.testing.assert_array_equal(found[1], tiles[1][::-1] * 2.0)
    np.testing.assert_array_equal(found[2], mosaic[::-1] * 2.0)
    assert found[3].reason is found[4].reason is Reason.BAD_PIXELS
    assert len(calls) == 1


def test_missing_frame(ramp, dicom, decoded) -> None:
    good, bad = decoded(dicom(ramp), 1, 2).slices
    np.testing.assert_array_equal(good, ramp)
    assert bad.reason is Reason.BAD_PIXELS


@pytest.mark.parametrize(
    "display",
    [Display(a, b, c) for a in (False, True) for b in (False, True) for c in (False, True)],
)
def test_display(display: Display, ramp, dicom, decoded) -> None:
    expected = ramp.T if display.transpose else ramp
    expected = np.flipud(expected) if display.flip_rows else expected
    expected = np.fliplr(expected) if display.flip_columns else expected
    image = decoded(dicom(ramp), display=display).slices[0]
    np.testing.assert_array_equal(image, expected)
    assert image.dtype == np.float32 and image.flags.c_contiguous


def test_no_preamble_and_no_meta_header(ramp, dicom, decoded) -> None:
    path = dicom(ramp)
    ds = dcmread(path)
    del ds.file_meta
    ds.save_as(path, enforce_file_format=False, implicit_vr=True, little_endian=True)
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


@pytest.mark.parametrize("vr", [b"  ", b"??", b"\0\0", b"lo", b"ZZ"])
def test_an_element_with_a_vr_that_does_not_exist(vr: bytes, ramp, dicom, decoded) -> None:
    path = dicom(ramp, ProtocolName="T1 SE ")
    raw = path.read_bytes()
    assert b"\x18\x00\x30\x10LO" in raw
    path.write_bytes(raw.replace(b"\x18\x00\x30\x10LO", b"\x18\x00\x30\x10" + vr))
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


def test_a_needed_element_with_a_vr_that_does_not_exist(ramp, dicom, decoded) -> None:
    path = dicom(ramp, RescaleSlope="0.5")
    raw = path.read_bytes()
    for tag, vr in ((b"\x28\x00\x10\x00", b"US"), (b"\x28\x00\x53\x10", b"DS")):
        assert tag + vr in raw
        raw = raw.replace(tag + vr, tag + b"??")
    path.write_bytes(raw)
    np.testing.assert_array_equal(decoded(path).slices[0], ramp * 0.5)


def test_rescale_with_decimal_commas(ramp, dicom, decoded) -> None:
    path = dicom(ramp, RescaleSlope="0.5", RescaleIntercept="-7.5")
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"0.5 ", b"0,5 ").replace(b"-7.5", b"-7,5"))
    np.testing.assert_array_equal(decoded(path).slices[0], ramp * 0.5 - 7.5)
