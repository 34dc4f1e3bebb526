import io
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import DataElement, RawDataElement

from batchmri.formats.dicom.parser import Dataset, ElementReader, Encoding, items_in
from batchmri.formats.header_error import CutError, HeaderError

EXPLICIT = Encoding(implicit=False, little=True)
FIRST_PIXELS = 0x7FE00008


# Truncated, or with elements of group 1, which no valid object has.
APART = ("rtplan_truncated.dcm", "meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm")


class Everything:
    def __contains__(self, tag: object) -> bool:
        return True


def _read(content: bytes, encoding: Encoding = EXPLICIT) -> tuple[Dataset, int]:
    found: Dataset = {}
    reader = ElementReader(io.BytesIO(content), len(content))
    end = reader.read(0, FIRST_PIXELS, Everything(), encoding, found)
    return found, end


def short(tag: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def long(tag: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    stated = len(value) if length is None else length
    return struct.pack("<HH2sxxI", tag >> 16, tag & 0xFFFF, vr, stated) + value


def item(value: bytes, length: int | None = None) -> bytes:
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(value) if length is None else length) + value


END_OF_ITEM = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
END_OF_SEQUENCE = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
UNDEFINED = 0xFFFFFFFF
NAME = short(0x00100010, b"PN", b"Name")
AFTER = short(0x00200013, b"IS", b"7 ")


def _dicom_files() -> Iterator[Path]:
    roots = [Path(pydicom.__file__).parent / "data"]
    shared = Path(__file__).resolve().parents[3].parent / "shared/data/volumes"
    for root in (*roots, shared):
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.read_bytes()[128:132] == b"DICM":
                yield path


def test_agrees_with_pydicom_on_all_available_files() -> None:
    """The same elements with the same bytes before the pixels, except for deflated files."""
    compared = 0
    for path in _dicom_files():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = pydicom.dcmread(path, stop_before_pixels=True)
        syntax = theirs.file_meta.get("TransferSyntaxUID", "")
        if syntax == pydicom.uid.DeflatedExplicitVRLittleEndian or path.name in APART:
            continue
        content = path.read_bytes()
        reader = ElementReader(io.BytesIO(content), len(content))
        start = reader.read(132, 0x00030000, (), EXPLICIT, {})
        implicit, little = theirs.original_encoding
        ours: Dataset = {}
        reader.read(start, FIRST_PIXELS, Everything(), Encoding(implicit, little), ours)
        _compare(ours, theirs, path)
        compared += 1
    assert compared > 80


def _is_bulk(element: DataElement | RawDataElement) -> bool:
    return isinstance(element, RawDataElement) and element.length == UNDEFINED


def _compare(ours: Dataset, theirs: pydicom.Dataset, path: Path) -> None:
    kept = {tag: element for tag, element in theirs._dict.items() if not _is_bulk(element)}
    assert set(ours) == {int(tag) for tag in kept}, path
    for tag, element in kept.items():
        value = ours[int(tag)].value
        if isinstance(element, RawDataElement):
            assert value == (element.value or b""), (path, tag)
        elif isinstance(element, DataElement) and element.VR == "SQ":
            assert isinstance(value, list) and len(value) == len(element.value), (path, tag)
            for mine, other in zip(value, element.value, strict=True):
                _compare(mine, other, path)


def test_values_of_every_kind_of_length() -> None:
    found, end = _read(NAME + long(0x00291010, b"OB", b"x" * 70_000) + AFTER)
    assert [(tag, len(found[tag].value)) for tag in found] == [
        (0x00100010, 4), (0x00291010, 70_000), (0x00200013, 2)
    ]  # fmt: skip
    assert end == 12 + 12 + 70_000 + 10


@pytest.mark.parametrize("padding", range(32_740, 32_790))
def test_elements_across_the_border_of_a_chunk(padding: int) -> None:
    content = (
        long(0x00091000, b"UN", bytes(padding)) + NAME + long(0x00291010, b"OB", b"ab") + AFTER
    )
    found: Dataset = {}
    reader = ElementReader(io.BytesIO(content), len(content))
    reader.read(0, FIRST_PIXELS, {0x00100010, 0x00291010, 0x00200013}, EXPLICIT, found)
    assert [element.value for element in found.values()] == [b"Name", b"ab", b"7 "]


@pytest.mark.parametrize(
    "sequence",
    [
        item(NAME) + item(NAME) + END_OF_SEQUENCE,
        item(NAME + END_OF_ITEM, UNDEFINED) + item(NAME) + END_OF_SEQUENCE,
        item(NAME + END_OF_ITEM, UNDEFINED) + item(NAME + END_OF_ITEM, UNDEFINED) + END_OF_SEQUENCE,
    ],
)
def test_sequences_of_undefined_length(sequence: bytes) -> None:
    found, _ = _read(long(0x00081140, b"SQ", sequence, UNDEFINED) + AFTER)
    assert [list(one) for one in found[0x00081140].value] == [[0x00100010]] * 2
    assert found[0x00200013].value == b"7 "


def test_sequences_of_defined_length_are_read_on_request() -> None:
    content = item(NAME) + item(b"")
    found, _ = _read(long(0x00081140, b"SQ", content))
    assert found[0x00081140].value == content
    assert [list(one) for one in items_in(content, EXPLICIT)] == [[0x00100010], []]


def test_unknown_of_undefined_length_is_implicit_inside() -> None:
    inner = struct.pack("<HHI", 0x0010, 0x0010, 4) + b"Name"
    found, _ = _read(long(0x00091001, b"UN", item(inner) + END_OF_SEQUENCE, UNDEFINED) + AFTER)
    (one,) = found[0x00091001].value
    assert isinstance(one, dict) and one[0x00100010].value == b"Name"
    assert 0x00200013 in found


def test_bulk_data_of_undefined_length_is_skipped() -> None:
    found, _ = _read(
        long(0x00091001, b"OB", item(b"fragment") + END_OF_SEQUENCE, UNDEFINED) + AFTER
    )
    assert list(found) == [0x00200013]


def test_an_implicit_element_among_explicit_ones() -> None:
    implicit = struct.pack("<HHI", 0x0010, 0x0020, 2) + b"P1"
    found, _ = _read(NAME + implicit + AFTER)
    assert found[0x00100020] == ("", b"P1")
    assert 0x00200013 in found


NO_VRS = [b"  ", b"??", b"\0\0", b"lo", b"Lo", b"-9", b"ZZ", b"QQ"]
PIXELS = long(0x7FE00010, b"OW", bytes(40))


@pytest.mark.parametrize("vr", NO_VRS)
@pytest.mark.parametrize("form", [short, long])
@pytest.mark.parametrize("value", [b"", b"T1 SE ", b"x" * 300])
def test_a_vr_that_does_not_exist(vr: bytes, form, value: bytes) -> None:
    """In short or long form, at any position: the elements around it decide."""
    odd = form(0x00191001, vr, value)
    found, end = _read(NAME + odd + odd.replace(b"\x01\x10", b"\x02\x10", 1) + AFTER + PIXELS)
    assert list(found) == [0x00100010, 0x00191001, 0x00191002, 0x00200013]
    assert found[0x00191001] == ("", value) == found[0x00191002]
    assert end == len(NAME + odd + odd + AFTER)


@pytest.mark.parametrize("vr", NO_VRS)
@pytest.mark.parametrize("form", [short, long])
def test_a_vr_that_does_not_exist_inside_of_items(vr: bytes, form) -> None:
    odd = form(0x00191001, vr, b"T1 SE ")
    for content in (
        item(NAME + odd + END_OF_ITEM, UNDEFINED) + END_OF_SEQUENCE,
        item(NAME + odd + AFTER + END_OF_ITEM, UNDEFINED) + END_OF_SEQUENCE,
        item(NAME + odd) + END_OF_SEQUENCE,
    ):
        found, _ = _read(long(0x00091140, b"SQ", content, UNDEFINED) + AFTER + PIXELS)
        (one,) = found[0x00091140].value
        assert isinstance(one, dict) and one[0x00191001].value == b"T1 SE "
        assert found[0x00200013].value == b"7 "


@pytest.mark.parametrize("vr", [b"  ", b"??", b"\0\0", b"ZZ"])
def test_a_vr_that_does_not_exist_at_the_start(vr: bytes) -> None:
    content = short(0x00080008, vr, b"ORIGINAL") + NAME + AFTER + PIXELS
    assert ElementReader(io.BytesIO(content), len(content)).is_explicit(0, little=True)
    implicit = struct.pack("<HHI", 8, 5, 10) + b"ISO_IR 100" + struct.pack("<HHI", 8, 8, 2) + b"M "
    assert not ElementReader(io.BytesIO(implicit), len(implicit)).is_explicit(0, little=True)


def test_items_of_undefined_length_behind_a_vr_that_does_not_exist() -> None:
    sequence = item(NAME + END_OF_ITEM, UNDEFINED) + END_OF_SEQUENCE
    found, _ = _read(long(0x00091140, b"??", sequence, UNDEFINED) + AFTER + PIXELS)
    assert found[0x00200013].value == b"7 "


def test_implicit_elements_in_a_row_among_explicit_ones() -> None:
    row = b"".join(struct.pack("<HHI", 0x0010, n, 6) + b"AB12LO" for n in (0x20, 0x21, 0x22))
    found, _ = _read(NAME + row + AFTER + PIXELS)
    assert [found[tag].value for tag in (0x00100020, 0x00100021, 0x00100022)] == [b"AB12LO"] * 3
    assert 0x00200013 in found


@pytest.mark.parametrize(("rest", "cut"), [(b"\x20\0\x13", True), (b"\0\0", False), (b"\n", False)])
def test_less_than_an_element_at_the_end(rest: bytes, cut: bool) -> None:
    if not cut:
        assert 0x00200013 in _read(NAME + AFTER + rest)[0]
        return
    with pytest.raises(CutError):
        _read(NAME + AFTER + rest)


@pytest.mark.parametrize(
    "content",
    [
        NAME + AFTER[:-1],
        NAME + long(0x00291010, b"OB", b"x")[:9],
        NAME + long(0x00291010, b"OB", b"x", 2**31),
        NAME + long(0x00081140, b"SQ", item(NAME), UNDEFINED),
        NAME + long(0x00081140, b"SQ", item(NAME[:-2], UNDEFINED), UNDEFINED),
    ],
)
def test_truncated_header_keeps_the_elements_read(content: bytes) -> None:
    found: Dataset = {}
    with pytest.raises(CutError):
        ElementReader(io.BytesIO(content), len(content)).read(
            0, FIRST_PIXELS, Everything(), EXPLICIT, found
        )
    assert found[0x00100010].value == b"Name"


def test_nesting_depth_is_limited() -> None:
    content = (long(0x00081140, b"SQ", b"", UNDEFINED) + item(b"", UNDEFINED)) * 1000
    with pytest.raises(HeaderError, match="nested more than 64 deep"):
        _read(content)


def test_a_file_shorter_than_it_was() -> None:
    with pytest.raises(CutError):
        ElementReader(io.BytesIO(NAME), 1000).read(0, FIRST_PIXELS, Everything(), EXPLICIT, {})


def test_a_too_large_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batchmri.formats.dicom.parser._MAX_VALUE", 40_000)
    assert _read(long(0x00081030, b"UT", b"x" * 40_000))[0]
    with pytest.raises(MemoryError):
        _read(long(0x00081030, b"UT", b"x" * 40_002))
    with pytest.raises(CutError):
        _read(long(0x00081030, b"UT", b"x", length=UNDEFINED - 1))
