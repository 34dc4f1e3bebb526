"""Each transfer syntax of the standard for grayscale images, with files written here."""

import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import gdcm
import nibabel
import numpy as np
import pytest
from openjpeg.utils import encode_array
from pydicom import dcmread, uid
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, get_frame

from batchmri.formats.dicom import codecs
from batchmri.reasons import Reason

# The ramp of conftest as a lossless HTJ2K codestream, written by OpenJPH.
HTJ2K = base64.b85decode(
    "|4;u>04YEK0000a0000e00000000000000a0000e0000000000009dD0sl|{2mk^A000R8QUDA90ssL31q1{@0sm"
    "Y86CiMScz}3#fOvR-czAelaCrY@02TlNPjF>!N>E53R%LP^FfKVRFfRX)015yA000DG00IA#zyVYfkP1Oaask6M0"
    "Kfp200htg5&)S1OLPFk-~b{t0R9(q0KfpA00mS41c2}X{WHLH0K@<YfZzj@ezgGP1d{;30JLBLTW|ms;0R$N+Xkk"
    "xf!YC&f6moem;fLkqPbm?*N_7T4n6!pfUyV<bF)YtW$e(t0RJ1$HU|j%TiSoMQdYPCzyQ4>00rrg053%ZhpxuUlp"
    "KB}F1nA=cZ4wv2j0zJC;q6|Fc<{FCl!NABnrV01_LmbdPiX>6b8QH2RM}r&wqh;l*z|D)R-Dbh%dzy?zaJ8jJk~N"
    "o5a|e*7y9=HgGX*G|zrx9tV&T8WXXhNMbN(Bq%s=OaM55JP;6AKpb%R0U3lK3J5{~G0}hQK{0bEYa^5)stb~qp}P"
    "U-+*85~Pwbeebb$K;@xVhgBXNQIATj5n6F!-eJRGP3qYi%sA_QUQrF8xP?DsgQr@Zjhnp)HFzOD+@o`=-RlnJ>3z"
    "yW>h00sB-01NJb)vJ?|M!wFdNXr8;2%N@zN*DwPoW^`g7z7BM3Q7l9Nd82JK!AnhPw0U_fQ3k$XeoB(EJUU3>MTU"
    "14739@aC+l33IUAk#!`hsfWc8%Nt}iJOW1`-I1BlgunUnm3qo_ysI)mfFbJS&Jf{Z+0UDJIff9D*tVAX3>P!ihuw"
    "yX@oW^`g7z7BM#(YW`1PGi8N(Wg;{ltfOkcHGw*nxPEg(%$od6aTch*H#b5fGdi!0~;37FwnJY<8|xd3Y#vK4Op<"
    "L{oc`8<O`do>L|`<jrK;d2C9#LDGhbscJfih)xXPa1OkiOrZ~yD{?qp1Ph4BrD;i^h+LS2mI4vKIi(W~ontkwbW$"
    "|OYEJ1ylT`*-oXVk923VZRp;ZPLX%GpK5D6905E3FmB&djnh#Nf73xmiqJkbk-$TB?9i&4#FL&s>{luZ`RXx)^VY"
    "#=H+a!y1Lm4;ZHh+s(3$P*|c7bc-4fg*BY5?T@{;y0&sqM>uF#+6Qr=2*=sooImpTA~AbAS?8NU}vC-4(NfbpdSd"
    "f0iEaoAP^QyawG&AK|y2&yrn({fdxTjN(c3v#mS>{Ca;xJRxS)Zg+$%1x{c)t*yIfc2ecNr@gy%&t|SMM$Qld=Wh"
    "wA92r3IIP&gRuPzxe*=u-tLNj-TA36oM!u8=}0rCw7{68V&RlE|mjlSDiedFnkSdW3xHJtf2=<VvNKl2S^gl#)_P"
    "rApGSlSjxSQ}4+m<WWjpr{s}LJ<}tZdP*Kiq)^4Do{~gG%BP-^gcMSqlGKw|kT6r~l2=Hfl%!r$PZIf*dXmVe)RU"
    "w<6hSHVG^s}jC23ES@(3aF0K1Y$??i)C$57j5x~sO9%BNo>`AR1hnf_C_I9*)!?rg$xe|Pq8>FL^^yL<9NO;M3E+"
    "*E$=C$QGTcb-L>Nguu?T9jCAvt3o&OJ!5aNe&`~;bgy*q+135*#"
)
# The ramp as 12-bit JPEG Extended, written by DCMTK at quality 95.
JPEG_12_BIT = base64.b85decode(
    "|JeWF01!$>Nk#wx0RR9200961|JwjV00IF40RaI50RaI50s;a81OoyB0s;jD1Oo&H1qKEN1qKEN2MGuU2MGrT1_%"
    "oX2?`1d3JL}Y3k(Yi3<(Mf3je_X3k(1#03-nc5di<h02TlN0RaF200000000000000A3l0Co05lK)0RsUB1Ox;H1"
    "poj5000010s|2Q1qTZfAwd8J3KIw-F<})^aqtuuBeCHpMS-Ew|Jncu0RaF2KLEuM>B_^pvZ?H=2l^XMT{P|g0B%a"
    "ur70uZ%0d0NpDX0))5Es0(A|MZ-N(}crx-y}Z1k&4$(81fH2cy^;OWrAxv|#gE-;IWrU1Cwl#xJ@03_&F8<_p~fc"
    "QFdFz&2(D!F+g;^~T8Z7V7Ga#9H;5SfoOYGQq-ei^TWd^_4zcz>}IM{&)Rp|~n;%K#|AJ0wr6PVu)8s_DnW!)+El"
    "hTSE_IHD<=3N2X*jZ!maIb%<_)?X)1o*o@CsjL>7xW_vM%5<%0vJ?;y6q6=X>-X{j@O0^6;<B^LeanhiYr5K$qhq"
    "hNm?Y%@Wu1QaCGd3T;o`Pxxp8jXQ-LXMDr>!DD=L;sBqU_{dqnLTaLqg(;oqs-fw1P{oe4`&g7ug|A_lsTNhkiEA"
    "y3nlhk)Yjdj$+!6NCz61gUm<QU{c0BXxg2NPL|-xOhcu*baU`JK77UDpKs^g?6*108aY-`jYrMbg=NA?{ed=+zX%"
    "wTFkG9AgHS$$>iHje~1C_^yXpU)F!)^mH7bbR8RwXEcB^G$wp#C>GJiTd6UC3@O6iFwRnH9)NUKLg4gLM@F8AU8t"
    "5a|bmA2qIe2%KPFVH`7Yy5JG|lBMQIbeXb;>enFnxXFejg`JwjK3RZoqYS1lm#@r*pKbLRO^aN0c0pHus3yID9=i"
    "ICpi)sO7xZ3WB7%+IwlFJ;I`s2R2Q$^xk)q!{6!5!@I0CoV*3YG@_=GfE%QYv5=K0ltB?5(e1-C@OOuF@~#HNaqE"
    "n1W^9m_?DOT&2r`gnL7pK|)02m9ROOFh6<nKbq|-N;H)N7XN<?NmOb<_K+lR^1sfTl2*{~fqBG4h)b%vX=Nl8|5<"
    "tB92OnrBld>uMicGXB%EzQZWpd4)}L9&Q$3JjdntPk}YM-PLiI}X~j@tnGqT&rp-Z7KarB}oVYNI8URNk8Uiei@&"
    "G%sYogz}Sm=<g=+wOnfUSNPqwUPLMSE@&EtX"
)
LOSSLESS = [
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
]
GDCM_LOSSLESS = {
    uid.JPEGLosslessSV1: "JPEGLosslessProcess14_1",
    uid.JPEGLossless: "JPEGLosslessProcess14",
    uid.RLELossless: "RLELossless",
    uid.JPEGLSLossless: "JPEGLSLossless",
    uid.JPEG2000Lossless: "JPEG2000Lossless",
}


def gdcm_encoded(source: Path, syntax: str) -> Path:
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    target = source.with_name("encoded.dcm")
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(target))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return target


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda s: s.name)
def test_native(syntax: uid.UID, signed: bool, ramp, dicom, decoded) -> None:
    stored = ramp.astype(np.int16) - 1500 if signed else ramp
    path = dicom(stored, syntax)
    np.testing.assert_array_equal(decoded(path).slices[0], stored)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint32, np.int32])
@pytest.mark.parametrize("syntax", [uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian])
def test_native_bit_depths(syntax: uid.UID, dtype: type, dicom, decoded) -> None:
    stored = np.arange(-60, 60).reshape(12, 10).astype(dtype)
    # 8-bit words are swapped in big endian OW; OB is not.
    path = (
        dicom(stored, syntax, pixel_data=stored.tobytes())
        if stored.itemsize == 1
        else dicom(stored, syntax)
    )
    if stored.itemsize == 1 and syntax == uid.ExplicitVRBigEndian:
        stored = stored.reshape(-1, 2)[:, ::-1].reshape(stored.shape)
    np.testing.assert_array_equal(decoded(path).slices[0], stored.astype(np.float32))


@pytest.mark.parametrize("syntax", GDCM_LOSSLESS, ids=lambda s: s.name)
def test_lossless(syntax: uid.UID, ramp, dicom, decoded) -> None:
    path = gdcm_encoded(dicom(ramp, BitsStored=12, HighBit=11), GDCM_LOSSLESS[syntax])
    assert dcmread(path).file_meta.TransferSyntaxUID == syntax
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


@pytest.mark.parametrize("syntax", [uid.RLELossless, uid.JPEGLSLossless, uid.JPEG2000Lossless])
def test_lossless_signed(syntax: uid.UID, ramp, dicom, decoded) -> None:
    stored = ramp.astype(np.int16) - 1500
    path = dicom(stored, BitsStored=13, HighBit=12)
    ds = dcmread(path)
    ds.compress(syntax)
    ds.save_as(path)
    np.testing.assert_array_equal(decoded(path).slices[0], stored)


@pytest.mark.parametrize("bits", [13, 16])
def test_a_signed_codestream_with_an_unsigned_header(bits: int, ramp, dicom, decoded) -> None:
    """The codestream takes precedence: -3 is not 65533, nor 8189."""
    values = ramp.astype(np.int16) - 1500
    data = bytes(encode_array(values, bits_stored=bits, codec_format=0))
    for syntax in (uid.JPEG2000Lossless, uid.JPEG2000):
        for stored in (bits, 16):
            path = dicom(
                ramp, syntax, encapsulate([data]), BitsStored=stored, PixelRepresentation=0
            )
            np.testing.assert_array_equal(decoded(path).slices[0], values)


@pytest.mark.parametrize("plugin", ["pylibjpeg", "opencv"])
def test_an_unsigned_codestream_with_a_signed_header(
    plugin: str, ramp, dicom, decoded, monkeypatch
) -> None:
    """With as many bits as are stored, values are signed; with fewer there is no sign bit."""
    decoders = {plugin: codecs.DECODERS[uid.JPEG2000Lossless][plugin]}
    monkeypatch.setitem(codecs.DECODERS, uid.JPEG2000Lossless, decoders)
    values = ramp.astype(np.int16) - 1500
    data = bytes(encode_array(values.view(np.uint16) & 0x1FFF, bits_stored=13, codec_format=0))
    path = dicom(values, uid.JPEG2000Lossless, encapsulate([data]), BitsStored=13)
    np.testing.assert_array_equal(decoded(path).slices[0], values)
    data = bytes(encode_array(ramp, bits_stored=12, codec_format=0))
    path = dicom(values, uid.JPEG2000Lossless, encapsulate([data]), BitsStored=16)
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


def test_signed_values_of_a_scanner_in_an_unsigned_codestream(decoded) -> None:
    """A CT whose corners its vendor fills with -2000; read as unsigned they are 6192."""
    image = decoded(Path(get_testdata_file("J2K_pixelrep_mismatch.dcm"))).slices[0]
    assert image[0, 0] == image.min() == -2000


def test_jpeg_ls_of_fewer_bits_than_stored_has_no_sign(ramp, dicom, decoded) -> None:
    ds = dcmread(dicom(ramp, BitsStored=12, HighBit=11))
    ds.compress(uid.JPEGLSLossless)
    frame = get_frame(ds.PixelData, 0, number_of_frames=1)
    path = dicom(ramp.astype(np.int16), uid.JPEGLSLossless, encapsulate([frame]), BitsStored=16)
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


@pytest.mark.parametrize("syntax", codecs.DECODERS, ids=lambda s: s.name)
def test_every_decoder_of_a_syntax_agrees(syntax: uid.UID, ramp, dicom) -> None:
    """The fallback returns the same image as the first decoder."""
    if syntax not in GDCM_LOSSLESS:
        pytest.skip("lossy, or one decoder")
    path = gdcm_encoded(dicom(ramp, BitsStored=12, HighBit=11), GDCM_LOSSLESS[syntax])
    data = dcmread(path).PixelData
    frame = get_frame(data, 0, number_of_frames=1)
    form = codecs.PixelFormat(40, 36, 16, 12, False)
    for decoder in codecs.DECODERS[syntax].values():
        np.testing.assert_array_equal(decoder(frame, syntax, form), ramp)


@pytest.mark.parametrize("syntax", [uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit])
def test_jpeg_of_8_bits(syntax: uid.UID, dicom, decoded) -> None:
    stored = np.tile(np.arange(0, 240, 3, dtype=np.uint8), (64, 1))
    jpeg = cv2.imencode(".jpg", stored, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    path = dicom(stored, syntax, encapsulate([jpeg]))
    assert np.abs(decoded(path).slices[0] - stored).max() <= 2


def test_jpeg_extended_of_12_bits(ramp, dicom, decoded, capfd) -> None:
    path = dicom(ramp, uid.JPEGExtended12Bit, encapsulate([JPEG_12_BIT]), BitsStored=12)
    assert np.abs(decoded(path).slices[0] - ramp).max() <= 16
    assert capfd.readouterr().err == ""


def test_jpeg_ls_near_lossless_and_jpeg_2000_lossy(dicom, decoded) -> None:
    stored = np.tile(np.arange(0, 4000, 50, dtype=np.uint16), (64, 1))
    for syntax, options in (
        (uid.JPEGLSNearLossless, {"jls_error": 3}),
        (uid.JPEG2000, {"j2k_psnr": [70]}),
    ):
        path = dicom(stored, BitsStored=12, HighBit=11)
        ds = dcmread(path)
        ds.compress(syntax, **options)
        ds.save_as(path)
        assert 0 < np.abs(decoded(path).slices[0] - stored).max() <= 8


@pytest.mark.parametrize("syntax", [uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL, uid.HTJ2K])
def test_high_throughput_jpeg_2000(syntax: uid.UID, ramp, dicom, decoded) -> None:
    path = dicom(ramp, syntax, encapsulate([HTJ2K]), BitsStored=12, HighBit=11)
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


def test_encapsulated_uncompressed(ramp, dicom, decoded) -> None:
    path = dicom(ramp, "1.2.840.10008.1.2.1.98", encapsulate([ramp.tobytes()]))
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


def test_the_next_decoder_is_tried_after_a_failure(ramp, dicom, decoded, monkeypatch) -> None:
    def broken(*_: object) -> np.ndarray:
        raise RuntimeError("no")

    path = gdcm_encoded(dicom(ramp, BitsStored=12, HighBit=11), "JPEGLSLossless")
    decoders = {"broken": broken, **codecs.DECODERS[uid.JPEGLSLossless]}
    monkeypatch.setitem(codecs.DECODERS, uid.JPEGLSLossless, decoders)
    np.testing.assert_array_equal(decoded(path).slices[0], ramp)


def test_syntax_without_decoder_is_named(ramp, dicom, decoded) -> None:
    path = dicom(ramp, uid.MPEG2MPML, encapsulate([b"\0\0\1\xb3" + bytes(40)]))
    refusal = decoded(path).slices[0]
    assert refusal.reason is Reason.UNSUPPORTED_TRANSFER_SYNTAX
    assert "MPEG2 Main Profile" in refusal.detail
    # A syntax that pydicom does not know is named by its number.
    path.write_bytes(
        path.read_bytes().replace(b"1.2.840.10008.1.2.4.100", b"1.2.840.10008.1.2.4.199")
    )
    refusal = decoded(path).slices[0]
    assert refusal.reason is Reason.UNSUPPORTED_TRANSFER_SYNTAX
    assert "1.2.840.10008.1.2.4.199" in refusal.detail


def test_damaged_codestream_is_bad_pixels(ramp, dicom, decoded) -> None:
    path = dicom(ramp, uid.JPEG2000Lossless, encapsulate([HTJ2K[:60] + b"\0" * 60]))
    assert decoded(path).slices[0].reason is Reason.BAD_PIXELS


def test_the_failures_of_all_decoders_are_listed(ramp, dicom, decoded, monkeypatch) -> None:
    def broken(*_: object) -> np.ndarray:
        raise RuntimeError("Error -3\nsecond line")

    path = gdcm_encoded(dicom(ramp, BitsStored=12, HighBit=11), "JPEGLSLossless")
    monkeypatch.setitem(codecs.DECODERS, uid.JPEGLSLossless, {"one": broken, "two": broken})
    refusal = decoded(path).slices[0]
    assert refusal.detail == "no decoder can read the frame (one: Error -3; two: Error -3)"


def test_codestream_that_contradicts_the_header_is_not_decoded(dicom, decoded, monkeypatch) -> None:
    """A small header with a huge codestream would make the decoder allocate its size."""

    def forbidden(*_: object) -> np.ndarray:
        raise AssertionError("decoded")

    monkeypatch.setitem(codecs.DECODERS, uid.HTJ2K, {"forbidden": forbidden})
    path = dicom(np.ones((8, 8), np.uint16), uid.HTJ2K, encapsulate([HTJ2K]))
    refusal = decoded(path).slices[0]
    assert (refusal.reason, "40 x 36" in refusal.detail) == (Reason.BAD_PIXELS, True)


def test_codestream_with_more_bits_than_allocated(dicom, decoded) -> None:
    """gdcm aborts the process on a precision of 175 bits."""
    jpeg = bytearray(JPEG_12_BIT)
    at = jpeg.index(b"\xff\xc1") + 4
    assert jpeg[at] == 12
    jpeg[at] = 175
    path = dicom(np.ones((40, 36), np.uint16), uid.JPEGExtended12Bit, encapsulate([bytes(jpeg)]))
    assert decoded(path).slices[0].reason is Reason.BAD_PIXELS


def test_a_panic_in_rust_is_a_decoder_failure(ramp, dicom, decoded) -> None:
    """pylibjpeg-rle panics if a run exceeds the end; a panic is not an Exception in Python."""
    ds = dcmread(dicom(ramp))
    ds.compress(uid.RLELossless)
    frame = bytearray(get_frame(ds.PixelData, 0, number_of_frames=1))
    for at in range(64, len(frame), 7):
        frame[at] = 0x90
    assert panics(bytes(frame))
    path = dicom(ramp, uid.RLELossless, encapsulate([bytes(frame)]))
    # pydicom's decoder is next, and reads as much as there is.
    assert decoded(path).slices[0].shape == ramp.shape


def panics(frame: bytes) -> bool:
    form = codecs.PixelFormat(40, 36, 16, 16, False)
    try:
        codecs.DECODERS[uid.RLELossless]["pylibjpeg"](frame, uid.RLELossless, form)
    except Exception:
        return False
    except BaseException:
        return True
    return False


def test_color_codestream_with_a_grayscale_header(dicom, decoded) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    path = dicom(image[..., 0], uid.JPEGBaseline8Bit, encapsulate([jpeg]))
    assert decoded(path).slices[0].reason is Reason.COLOR


def test_decoding_imports_no_torch() -> None:
    code = (
        "import sys, batchmri.formats.decode; "
        "sys.exit(bool({'torch', 'monai', 'openvino'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("number", range(1, 10))
def test_mosaic_matches_its_nifti(number: int, shared_data: Path, decoded: Callable) -> None:
    """dcm_qa_ts: one Siemens mosaic in nine files of seven syntaxes, with dcm2niix's volumes."""
    folder = shared_data / "volumes/formats/dcm_qa_ts"
    volume = np.asarray(nibabel.load(folder / f"Ref/{number}.nii").dataobj)
    places = tuple((64 * (n // 6), 64 * (n % 6), 64, 64) for n in range(35))
    tiles = decoded(folder / f"In/{number}.dcm", *[1] * 35, tiles=places).slices
    for n, tile in enumerate(tiles):
        # dcm2niix stores columns first, and the rows of each slice from the bottom.
        np.testing.assert_array_equal(tile[::-1].T, volume[:, :, n])
