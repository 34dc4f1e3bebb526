import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nibabel.nicom import csareader
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from batchmri.archive.assembly import assemble
from batchmri.formats.dicom.csa import csa_numbers
from batchmri.reasons import Reason
from tests.builders import dataset, read_instance, write


def csa(tags: dict[str, list[str]], magic: bytes = b"SV10\4\3\2\1") -> bytes:
    """A CSA2 header as Siemens writes it, or without magic a CSA1 header."""
    blob = magic + struct.pack("<II", len(tags), 77)
    for name, values in tags.items():
        n_items = 6 if values else 0
        blob += struct.pack("<64si4siii", name.encode(), len(values), b"DS\0\0", 3, n_items, 77)
        for value in (*values, *[""] * (n_items - len(values))):
            length = len(value) + 1 if value else 0
            blob += struct.pack("<4i", length, length, 77, length)
            blob += value.encode().ljust(-(-length // 4) * 4, b"\0")
    return blob


MOSAIC = {
    "EchoLinePosition": ["32"],
    "NumberOfImagesInMosaic": ["5"],
    "SliceNormalVector": ["0.0", "0.0", "1.0"],
}


def mosaic(path: Path, blob: bytes | None, number: int = 1, **tags) -> Path:
    ds = dataset(
        number,
        Rows=30,
        Columns=60,
        PixelSpacing=[3.0, 2.0],
        SpacingBetweenSlices="4",
        ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"],
        Manufacturer="SIEMENS",
        PixelData=np.zeros((30, 60), np.uint16).tobytes(),
        **{"ImagePositionPatient": [0.0, 0.0, 0.0], **tags},
    )
    if blob is not None:
        ds.add_new(0x00290010, "LO", "SIEMENS CSA HEADER")
        ds.add_new(0x00291010, "OB", blob)
    return write(path, ds)


def test_tiles_are_read_row_by_row_with_their_positions(tmp_path: Path) -> None:
    found = read_instance(mosaic(tmp_path / "m", csa(MOSAIC)))
    assert (found.rows, found.columns) == (10, 20)  # five on a grid of three by three
    assert [frame.tile for frame in found.frames] == [
        (0, 0, 10, 20), (0, 20, 10, 20), (0, 40, 10, 20), (10, 0, 10, 20), (10, 20, 10, 20)
    ]  # fmt: skip
    assert {frame.number for frame in found.frames} == {1}
    # the corner of an image of 30 x 60 moved to that of 10 x 20 with the same center
    assert [frame.position for frame in found.frames] == [(40.0, 30.0, 4.0 * k) for k in range(5)]


def test_csa1_header_of_older_scanners_is_equivalent(tmp_path: Path) -> None:
    # nibabel subtracts the count of the second tag from every length: zero for older scanners
    down = {"CoilForGradient": [], "FlowVenc": [], **MOSAIC}
    down["SliceNormalVector"] = ["0.0", "0.0", "-1.0"]
    old = csa(down, magic=b"")
    said = csareader.read(old)["tags"]
    assert csa_numbers(old, down) == {name: said[name]["items"] for name in down}
    found = read_instance(mosaic(tmp_path / "m", old))
    assert found == replace(read_instance(mosaic(tmp_path / "n", csa(down))),
                            source=found.source, path=found.path)  # fmt: skip
    assert [frame.position[2] for frame in found.frames if frame.position] == [0, -4, -8, -12, -16]


def test_slice_normal_defines_the_direction_of_tiles(tmp_path: Path) -> None:
    down = {**MOSAIC, "SliceNormalVector": ["0.0", "0.0", "-1.0"]}
    found = read_instance(mosaic(tmp_path / "m", csa(down)))
    assert [frame.position[2] for frame in found.frames if frame.position] == [0, -4, -8, -12, -16]
    (study,) = assemble([found], {})
    (series,) = study.series
    assert [ref.tile for ref in series.slices] == [f.tile for f in reversed(found.frames)]
    assert (series.rows, series.columns, series.n_slices) == (10, 20, 5)


def test_number_of_tiles_in_a_private_element(tmp_path: Path) -> None:
    ds = dataset(1, Rows=30, Columns=60, ImageType=["ORIGINAL", "PRIMARY", "M", "MOSAIC"],
                 SpacingBetweenSlices="4", PixelData=bytes(3600))  # fmt: skip
    ds.add_new(0x00190010, "LO", "SIEMENS MR HEADER")
    ds.add_new(0x0019100A, "US", 4)
    assert len(read_instance(write(tmp_path / "x", ds)).frames) == 4


def test_a_further_mosaic_is_a_further_volume(tmp_path: Path) -> None:
    volumes = [read_instance(mosaic(tmp_path / f"{n}", csa(MOSAIC), n)) for n in (1, 2, 3)]
    (study,) = assemble(volumes, {})
    (series,) = study.series
    assert (series.n_slices, series.n_files, series.flags) == (5, 3, ("multi_volume",))
    assert [note.source for note in study.left_out] == ["root/2", "root/3"]


@pytest.mark.parametrize(
    "blob",
    [None, b"", b"SV10", b"SV10\4\3\2\1\xff\xff\xff\xff", csa(MOSAIC)[:250],
     csa(MOSAIC, magic=b"SV99"), csa(MOSAIC, magic=b"")[:250], b"STEP;\nHEADER;\n" + bytes(500),
     csa({**MOSAIC, "NumberOfImagesInMosaic": ["lots"]}),
     csa({**MOSAIC, "NumberOfImagesInMosaic": ["999999"]})],
)  # fmt: skip
def test_a_mosaic_without_number_of_tiles_is_refused(tmp_path: Path, blob: bytes | None) -> None:
    found = read_instance(mosaic(tmp_path / "m", blob))
    assert (found.refusal, found.frames) == (Reason.UNSUPPORTED_OBJECT, ())


def test_extracted_slices_with_mosaic_image_type(tmp_path: Path) -> None:
    found = read_instance(mosaic(tmp_path / "m", None, AcquisitionMatrix=[60, 0, 0, 30]))
    assert [(frame.number, frame.tile) for frame in found.frames] == [(1, None)]


def test_united_imaging_tiles_have_positions(tmp_path: Path) -> None:
    ds = dataset(1, Rows=20, Columns=60, ImageType=["ORIGINAL", "PRIMARY", "M", "VFRAME"],
                 ImagePositionPatient=None, PixelData=bytes(2400))  # fmt: skip
    slices = []
    for number in range(6):
        item = Dataset()
        item.ImagePositionPatient = [0.0, 0.0, 30.0 - 5.0 * number]
        slices.append(item)
    ds.add_new(0x00650010, "LO", "Image Private Header")
    ds.add_new(0x00651050, "DS", "6")
    ds.add_new(0x00651051, "SQ", Sequence(slices))
    found = read_instance(write(tmp_path / "u", ds))
    assert [frame.tile for frame in found.frames] == [
        (0, 0, 10, 20), (0, 20, 10, 20), (0, 40, 10, 20),
        (10, 0, 10, 20), (10, 20, 10, 20), (10, 40, 10, 20),
    ]  # fmt: skip
    assert [f.position and f.position[2] for f in found.frames] == [30, 25, 20, 15, 10, 5]


def test_csa_numbers() -> None:
    tags = {"A": ["7"], "NumberOfImagesInMosaic": ["36"], "SliceNormalVector": ["0.1", "-0.2", "1"]}
    found = csa_numbers(csa(tags), ("SliceNormalVector", "NumberOfImagesInMosaic"))
    assert found == {"NumberOfImagesInMosaic": [36.0], "SliceNormalVector": [0.1, -0.2, 1.0]}


def test_random_csa_data_is_ignored() -> None:
    chance = np.random.default_rng(1)
    for number in range(300):
        whole = csa(MOSAIC, magic=b"" if number % 2 else b"SV10\4\3\2\1")
        noisy = bytearray(whole)
        for at in chance.integers(0, len(whole), 5):
            noisy[at] = chance.integers(256)
        csa_numbers(bytes(noisy[: chance.integers(len(whole))]), tuple(MOSAIC))
