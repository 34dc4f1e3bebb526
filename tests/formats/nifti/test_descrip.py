from pathlib import Path

import nibabel
import pytest

from batchmri.formats.nifti.descrip import with_description
from batchmri.header import Header
from batchmri.terms.sequence import sequence_of
from tests.builders import read_instance
from tests.formats.nifti.test_header import nifti


@pytest.mark.parametrize(
    ("text", "sequence"),
    [
        ("3T 3D GR TR=25ms/TE=4.98ms/FA=30deg 12-Jan-2010 12:00:00.5", "t1"),
        ("1.5T 2D SE TR=500ms/TE=14ms/FA=90deg", "t1"),
        ("3T 2D EP TR=2000ms/TE=30ms/FA=90deg 12-Jan-2010 12:00:00 Mosaic", "bold"),
        ("3T 2D EP\\SE TR=9000ms/TE=90ms/FA=90deg", "dwi"),
        ("1.5T 2D SE TR=4000ms/TE=100ms/FA=180deg", "t2"),
        ("3T 2D SE\\IR TR=9000ms/TE=120ms/TI=2500ms/FA=180deg", "flair"),
        ("spm_spm:beta (0001) - Sn(1) rest", "bold"),
        ("MPRAGE", "t1"),
        ("TE=2.98;Time=134935.305;phase=1", "unknown"),
        ("FSL5.0", "unknown"),
        ("TR=1e300ms/TE=-3ms/FA=1234567deg", "unknown"),
        ("", "unknown"),
    ],
)
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.AnalyzeImage])
def test_sequence_from_descrip(tmp_path: Path, kind, text: str, sequence: str) -> None:
    ending = "hdr" if kind is nibabel.AnalyzeImage else "nii"
    nifti(tmp_path / f"v.{ending}", kind=kind, descrip=text.encode())
    assert sequence_of(read_instance(tmp_path / f"v.{ending}").header, f"v.{ending}") == sequence


def test_descrip_does_not_override_other_values() -> None:
    stated = Header(named_sequence="t2", echo_time=80.0, scanning_sequence="SE")
    found = with_description(stated, b"3T 3D GR TR=25ms/TE=4.98ms/FA=30deg T1")
    assert (found.named_sequence, found.echo_time, found.scanning_sequence) == ("t2", 80.0, "SE")
    assert (found.repetition_time, found.flip_angle) == (25.0, 30.0)


def test_names_in_descrip_are_not_kept() -> None:
    found = with_description(Header(), b"PLANTED^NAME 3D PLANTED TR=25ms \xff\xfe\0behind")
    assert "PLANTED" not in repr(found) and found.repetition_time == 25.0


def test_decimal_commas() -> None:
    found = with_description(Header(), b"TR=2300,5ms/TE=2,98ms/FA=9deg, TI=900, x")
    assert (found.repetition_time, found.echo_time) == (2300.5, 2.98)
    assert (found.flip_angle, found.inversion_time) == (9.0, 900.0)
