"""Damaged JPEG-LS frames: the decoders and their checks always return quickly.

JPEG_LS_FRAMES=6000 MUTATION_SEED=1 pytest tests/formats/dicom/test_hostile_jpeg_ls.py
"""

import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread, uid
from pydicom.encaps import get_frame

from batchmri.formats.decode_task import Refused
from batchmri.formats.dicom import codecs
from tests.pipeline.builders import head, instance, save

N_FRAMES = int(os.environ.get("JPEG_LS_FRAMES", "400"))
SEED = int(os.environ.get("MUTATION_SEED", "1"))
LONGEST_S = 1.0  # processor time; without an end marker CharLS searches for four seconds
MARKERS = (0x7F, 0xC4, 0xD0, 0xD8, 0xD9, 0xDA, 0xDD, 0xE8, 0xF7, 0xF8)

Frame = tuple[bytes, uid.UID, codecs.PixelFormat]


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> list[Frame]:
    """Of 8, 12 and 16 bits, signed, near-lossless."""
    folder = tmp_path_factory.mktemp("frames")
    small, flat = head(48, 40, seed=1), np.full((30, 50), 7, np.uint16)
    return [
        frame(folder, small, 12),
        frame(folder, small * 13, 16),
        frame(folder, (small >> 4).astype(np.uint8), 8),
        frame(folder, (small.astype(np.int16) - 700), 13),
        frame(folder, flat, 12),
        frame(folder, head(64, 64, seed=2), 12, error=3),
    ]


def frame(folder: Path, pixels: np.ndarray, bits: int, error: int = 0) -> Frame:
    allocated, signed = 8 * pixels.itemsize, pixels.dtype.kind == "i"
    ds = instance(pixels=pixels, BitsAllocated=allocated, BitsStored=bits, HighBit=bits - 1,
                  PixelRepresentation=int(signed), PixelData=pixels.tobytes())  # fmt: skip
    ds = dcmread(save(ds, folder / "native.dcm"))
    syntax = uid.JPEGLSNearLossless if error else uid.JPEGLSLossless
    ds.compress(syntax, jls_error=error)
    form = codecs.PixelFormat(*pixels.shape, allocated, bits, signed)
    return get_frame(ds.PixelData, 0, number_of_frames=1), syntax, form


def damaged(dice: random.Random, data: bytes) -> bytes:
    content = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 4, 12))):
        at = dice.randrange(len(content))
        match dice.randrange(5):
            case 0:
                content[at] = dice.randrange(256)
            case 1:  # in the headers
                content[at % 40 % len(content)] = dice.randrange(256)
            case 2:
                del content[max(at, 4) :]
            case 3:
                content[at:at] = dice.randbytes(dice.randrange(1, 30))
            case _:
                content[at : at + 2] = bytes((0xFF, dice.choice(MARKERS)))
    return bytes(content)


def answer(data: bytes, syntax: uid.UID, form: codecs.PixelFormat) -> str:
    try:
        image = codecs.decode_frame(data, syntax, form)
    except Refused as refused:
        return refused.refusal.reason
    assert image.shape == (form.rows, form.columns)
    return "decoded"


def test_damaged_frames(frames: list[Frame]) -> None:
    dice = random.Random(SEED)
    outcomes: dict[str, int] = {}
    for _ in range(N_FRAMES):
        data, syntax, form = dice.choice(frames)
        mutated = damaged(dice, data)
        before = time.process_time()
        outcome = answer(mutated, syntax, form)
        assert time.process_time() - before < LONGEST_S, mutated.hex()
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    print(outcomes)
    assert outcomes["decoded"] > N_FRAMES // 100
    assert outcomes["bad_pixels"] > N_FRAMES // 3


@pytest.mark.parametrize("cut", [2, 3, 5, 40])
def test_a_frame_without_end_marker_is_refused_quickly(frames: list[Frame], cut: int) -> None:
    data, syntax, form = frames[0]
    assert data.rstrip(b"\0").endswith(b"\xff\xd9")
    cut_short = data.rstrip(b"\0")[:-cut]
    before = time.process_time()
    outcome = answer(cut_short, syntax, form)
    assert time.process_time() - before < LONGEST_S
    assert outcome == ("decoded" if cut == 2 else "bad_pixels")
