"""Thousands of damaged files: none raises, none makes memory grow, each gets a result.

MUTATED_FILES=2000 MUTATION_SEED=1 pytest tests/corpora/test_mutations.py
"""

import gzip
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom.data
import pytest
from pydicom import dcmread, uid

from batchmri.formats.decode import DecodeTask, Refusal, decode
from batchmri.formats.read_headers import HeaderContext, read_headers
from batchmri.reasons import Reason
from batchmri.records import Display, FileEntry, FileNote, Frame

N_MUTATIONS = int(os.environ.get("MUTATED_FILES", "200"))
SEED = int(os.environ.get("MUTATION_SEED", "1"))
CONTEXT = HeaderContext(b"key")
MAX_BYTES = 64 << 20
MAX_GROWTH = 400 << 20  # of resident memory: the limit for one file, its copies, and slack
LARGEST = 300_000
LENGTHS = (0, 1, 3, 0xFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)

Mutation = Callable[[random.Random, bytearray], bytearray]


def flip_bytes(dice: random.Random, content: bytearray) -> bytearray:
    for _ in range(dice.choice((1, 3, 10, 50))):
        content[dice.randrange(len(content))] = dice.randrange(256)
    return content


def flip_header_bytes(dice: random.Random, content: bytearray) -> bytearray:
    for _ in range(dice.choice((1, 3, 10))):
        content[dice.randrange(min(len(content), 1500))] = dice.randrange(256)
    return content


def cut(dice: random.Random, content: bytearray) -> bytearray:
    return content[: dice.randrange(len(content))]


def change_length(dice: random.Random, content: bytearray) -> bytearray:
    """Overwrite two or four bytes, often after a VR, with a wrong number."""
    size = dice.choice((2, 4))
    places = [at + 2 for at in range(128, min(len(content), 20_000)) if is_vr(content[at : at + 2])]
    at = dice.choice(places) if places and dice.random() < 0.8 else dice.randrange(len(content))
    value = dice.choice(LENGTHS) & (256**size - 1)
    content[at : at + size] = value.to_bytes(size, "little")
    return content


def is_vr(two: bytearray) -> bool:
    return bytes(two) in (b"US", b"UL", b"DS", b"IS", b"CS", b"LO", b"UI", b"SQ", b"OW", b"OB")


def change_tag(dice: random.Random, content: bytearray) -> bytearray:
    """Give an element of the image module to another tag."""
    places = [at for at in range(128, len(content) - 4) if content[at : at + 2] == b"\x28\x00"]
    at = dice.choice(places) if places else dice.randrange(len(content))
    tag = dice.choice((b"\x28\x00\x10\x00", b"\x28\x00\x00\x01", b"\x28\x00\x04\x00", b"\xe0\x7f"))
    content[at : at + len(tag)] = tag
    return content


def move_part(dice: random.Random, content: bytearray) -> bytearray:
    start, target = dice.randrange(len(content)), dice.randrange(len(content))
    part = content[start : start + dice.randrange(1, 200)]
    return content[:target] + part + content[target:]


MUTATIONS: list[Mutation] = [
    flip_bytes,
    flip_header_bytes,
    cut,
    change_length,
    change_tag,
    move_part,
]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, bytes]]:
    """Names and contents of the files to damage, in a fixed order."""
    data = Path(pydicom.data.__file__).parent / "test_files"
    samples = Path(__file__).resolve().parents[2] / "sample_data/archive"
    files = [*data.rglob("*"), *samples.rglob("*")]
    files = sorted(f for f in files if f.is_file() and 300 < f.stat().st_size < LARGEST)
    built = build(tmp_path_factory.mktemp("built"))
    return [(path.name, path.read_bytes()) for path in [*files, *built]]


def build(folder: Path) -> list[Path]:
    """Compressed multi-frame DICOM, deflated DICOM and NIfTI of several kinds."""
    ramp = np.add.outer(np.arange(48) * 20, np.arange(40) * 31).astype(np.uint16)
    source = dcmread(pydicom.data.get_testdata_file("MR_small.dcm"))
    source.Rows, source.Columns, source.PixelRepresentation = 48, 40, 0
    source.NumberOfFrames = 3
    source.PixelData = np.stack([ramp, ramp[::-1], ramp[:, ::-1]]).tobytes()
    built = []
    for syntax in (uid.JPEG2000Lossless, uid.JPEGLSLossless, uid.RLELossless):
        source.save_as(folder / "native.dcm")
        ds = dcmread(folder / "native.dcm")
        ds.compress(syntax)
        built.append(folder / f"{syntax}.dcm")
        ds.save_as(built[-1])
    ds = dcmread(folder / "native.dcm")
    ds.file_meta.TransferSyntaxUID = uid.DeflatedExplicitVRLittleEndian
    built.append(folder / "deflated.dcm")
    ds.save_as(built[-1])
    volume = np.random.default_rng(0).integers(0, 900, (20, 18, 16), np.int16)
    for kind, name in (
        (nibabel.Nifti1Image, "v1.nii"),
        (nibabel.Nifti2Image, "v2.nii"),
        (nibabel.Nifti1Image, "v1.nii.gz"),
    ):
        built.append(folder / name)
        nibabel.save(kind(volume, np.eye(4)), built[-1])
    return built


def run(path: Path) -> str:
    """The reason of a file, or `decoded`."""
    entry = FileEntry(path.name, str(path), path.stat().st_size, 0)
    (found,) = read_headers([entry], CONTEXT)
    if isinstance(found, FileNote):
        return found.reason
    frames = found.frames[:3] or (Frame(),)
    task = DecodeTask(
        format=found.format,
        path=str(path),
        frames=tuple(frame.number for frame in frames),
        slice_axis=found.slice_axis,
        display=Display(transpose=True),
        max_bytes=MAX_BYTES,
        tiles=tuple(frame.tile for frame in frames),
    )
    slices = decode(task).slices
    assert len(slices) == len(frames)
    for image in slices:
        if not isinstance(image, Refusal):
            assert image.dtype == np.float32 and image.ndim == 2 and np.isfinite(image).all()
    return slices[0].reason if isinstance(slices[0], Refusal) else "decoded"


def damaged(dice: random.Random, name: str, content: bytes) -> bytes:
    """One to three mutations; half of the gzipped files are damaged inside."""
    inside = name.endswith(".gz") and dice.random() < 0.5
    mutated = bytearray(gzip.decompress(content) if inside else content)
    for _ in range(dice.choice((1, 1, 2, 3))):
        mutated = dice.choice(MUTATIONS)(dice, mutated) or bytearray(b"\0")
    return gzip.compress(mutated, 1, mtime=0) if inside else bytes(mutated)


def test_damaged_files(originals: list[tuple[str, bytes]], tmp_path: Path) -> None:
    dice = random.Random(SEED)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes: dict[str, int] = {}
    for number in range(N_MUTATIONS):
        name, content = dice.choice(originals)
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(damaged(dice, name, content))
        outcome = run(path)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        path.unlink()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(outcomes, f"{grown >> 20} MB more")
    assert grown < MAX_GROWTH
    # The damage is not so small that everything is read, and not so large that nothing is.
    assert outcomes["decoded"] > N_MUTATIONS // 20
    assert len(outcomes) > 5
    assert Reason.IO_ERROR not in outcomes, "would be tried again forever"


def test_undamaged_files(originals: list[tuple[str, bytes]], tmp_path: Path) -> None:
    for number, (name, content) in enumerate(originals):
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(content)
        assert run(path)
