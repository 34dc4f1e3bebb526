import json
import os
from pathlib import Path

import nibabel
import pytest

from batchmri.reasons import Reason
from batchmri.records import Instance
from batchmri.terms.sequence import sequence_of
from tests.builders import is_accounted, read_instance, scan
from tests.formats.nifti.test_header import nifti

SAID = {
    "Modality": "MR",
    "Manufacturer": "GE",
    "EchoTime": 0.0029,
    "RepetitionTime": 2.3,
    "InversionTime": 0.9,
    "FlipAngle": 9,
    "ScanningSequence": "GR_IR",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "SOMETHING ELSE"],
    "SeriesDescription": "AX T1 BRAIN",
    "BodyPartExamined": "HEAD",
    "PatientName": "PLANTED",
}


def described(folder: Path, said: object, name: str = "v", **fields) -> Instance:
    folder.mkdir(parents=True, exist_ok=True)
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    (folder / f"{name}.json").write_bytes(content)
    return read_instance(nifti(folder / f"{name}.nii.gz", **fields))


def test_sidecar_fills_missing_header_values(tmp_path: Path) -> None:
    found = described(tmp_path, SAID)
    header = found.header
    assert (header.modality, header.manufacturer, header.body_part) == ("MR", "GE", "brain")
    assert (header.echo_time, header.repetition_time) == (pytest.approx(2.9), 2300.0)
    assert (header.inversion_time, header.flip_angle) == (900.0, 9.0)
    assert (header.image_type, header.scanning_sequence) == (("ORIGINAL", "PRIMARY", "M"), "GR\\IR")
    assert header.series_description == "v", "the entities of its name describe it"
    assert sequence_of(header, "v.nii.gz") == "t1"
    assert found.flags == () and "PLANTED" not in repr(found)


@pytest.mark.parametrize(
    ("name", "said", "sequence"),
    [
        ("v", {"RepetitionTime": 2.0, "EchoTime": 0.03, "ScanningSequence": "EP"}, "bold"),
        ("v", {"RepetitionTime": 0.5, "EchoTime": 0.012, "ScanningSequence": "SE"}, "t1"),
        ("v", {"ProtocolName": "t2_tse"}, "t2"),
        ("v", {"SequenceName": "*tfl3d1_16ns"}, "t1"),
        ("sub-1_T1w", {"ContrastBolusIngredient": "GADOLINIUM"}, "t1_contrast"),
        ("sub-1_T1w", {"ContrastBolusIngredient": "NONE"}, "t1"),
        ("sub-1_T1w", {"SeriesDescription": "AX T1 POST GD"}, "t1_contrast"),
        ("sub-1_T1w", {"SeriesDescription": "AX T2"}, "t1"),
    ],
)
def test_the_sequence(tmp_path: Path, name, said, sequence) -> None:
    assert sequence_of(described(tmp_path, said, name).header, f"{name}.nii.gz") == sequence


def test_sidecar_modality_takes_precedence_over_the_file_name(tmp_path: Path) -> None:
    assert described(tmp_path, {"Modality": "CT"}).header.modality == "CT"
    assert described(tmp_path, {"Modality": "PLANTED"}, "ct").header.modality == "CT"
    assert described(tmp_path, {"Modality": "MR"}, "ct").header.modality == "MR"


def test_a_bval_file_means_diffusion(tmp_path: Path) -> None:
    nifti(tmp_path / "v.nii", (6, 7, 8, 3))
    assert sequence_of(read_instance(tmp_path / "v.nii").header, "v.nii") == "unknown"
    (tmp_path / "v.bval").write_text("0 1000 1000")
    assert sequence_of(read_instance(tmp_path / "v.nii").header, "v.nii") == "dwi"


def inherited(root: Path, said: dict[str, dict[str, object]], image: str) -> Instance:
    for name, content in said.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps(content))
    return read_instance(nifti(root / image), f"{root.name}/{image}")


def test_inherited_sidecars_apply_and_the_nearest_takes_precedence(tmp_path: Path) -> None:
    said = {
        "T1w.json": {"Manufacturer": "far", "EchoTime": 0.001, "FlipAngle": 5},
        "sub-1/sub-1_T1w.json": {"Manufacturer": "near", "EchoTime": 0.002},
        "sub-1/anat/sub-1_run-2_T1w.json": {"EchoTime": 0.003},
        "sub-2/sub-2_T1w.json": {"Manufacturer": "of another"},
        "T2w.json": {"RepetitionTime": 9},
        "sub-1/sub-1_run-1_T1w.json": {"InversionTime": 8},
    }
    header = inherited(tmp_path / "set", said, "sub-1/anat/sub-1_run-2_T1w.nii.gz").header
    assert header.manufacturer == "near"
    assert (header.echo_time, header.flip_angle) == (3.0, 5.0)
    assert (header.repetition_time, header.inversion_time) == (None, None)


def test_a_sidecar_of_the_root_names_the_task(tmp_path: Path) -> None:
    said = {"task-rest_bold.json": {"RepetitionTime": 2, "Manufacturer": "GE"},
            "task-tap_bold.json": {"Manufacturer": "of another"}}  # fmt: skip
    header = inherited(tmp_path / "set", said, "sub-1/func/sub-1_task-rest_bold.nii").header
    assert (header.repetition_time, header.manufacturer) == (2000.0, "GE")


def test_contrast_in_an_inherited_sidecar(tmp_path: Path) -> None:
    said: dict[str, dict[str, object]] = {"sub-1/sub-1_T1w.json": {"ContrastBolusIngredient": "GD"}}
    found = inherited(tmp_path / "set", said, "sub-1/ses-a/anat/sub-1_ses-a_T1w.nii")
    assert sequence_of(found.header, "sub-1_ses-a_T1w.nii") == "t1_contrast"


def test_one_bad_sidecar_of_several_is_flagged_and_the_others_are_read(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    (root / "T1w.json").write_text("{")
    said: dict[str, dict[str, object]] = {"sub-1/sub-1_T1w.json": {"EchoTime": 0.002}}
    found = inherited(root, said, "sub-1/anat/sub-1_T1w.nii")
    assert (found.flags, found.header.echo_time) == (("sidecar_ignored",), 2.0)


def test_sidecar_of_a_pair(tmp_path: Path) -> None:
    nifti(tmp_path / "r/v.img", kind=nibabel.Nifti1Pair)
    (tmp_path / "r/v.json").write_text(json.dumps(SAID))
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked)
    assert [note.reason for note in notes] == [Reason.SIDECAR]
    assert studies[0].series[0].header.manufacturer == "GE"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"{",
        b"\xff\xfe\x00{}",
        b"[1, 2]",
        b"null",
        b"[" * 500_000,
        b'{"a":' * 200_000,
        b'{"Manufacturer": "' + b"x" * 2**20 + b'"}',
        b'{"EchoTime": ' + b"9" * 10_000 + b"}",
    ],
)
def test_an_invalid_sidecar_is_ignored_and_flagged(tmp_path: Path, said: bytes) -> None:
    found = described(tmp_path, said)
    assert (found.flags, found.refusal, len(found.frames)) == (("sidecar_ignored",), None, 8)


@pytest.mark.parametrize("value", [True, None, -1, 1e300, [1], {}, "2.3", float("nan"), 10**300])
def test_values_of_another_type_are_ignored(tmp_path: Path, value: object) -> None:
    keys = ("EchoTime", "RepetitionTime", "FlipAngle", "InversionTime")
    header = described(tmp_path, dict.fromkeys(keys, value)).header
    assert {header.echo_time, header.repetition_time, header.flip_angle} == {None}
    texts = ("Modality", "ImageType", "ScanningSequence", "SeriesDescription", "Manufacturer")
    other = value if not isinstance(value, str) else 7
    header = described(tmp_path, dict.fromkeys(texts, other)).header
    assert (header.modality, header.image_type, header.manufacturer) == ("", (), "")


def test_long_texts_are_cut(tmp_path: Path) -> None:
    header = described(tmp_path, {"Manufacturer": "x" * 100_000, "ImageType": "M" * 9999}).header
    assert len(header.manufacturer) == 1024


def test_pipes_and_links_outside_the_root_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "v.json")
    assert read_instance(nifti(tmp_path / "v.nii")).flags == ("sidecar_ignored",)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/w.json").symlink_to(tmp_path / "secret")
    (tmp_path / "secret").write_text(json.dumps(SAID))
    found = read_instance(nifti(tmp_path / "root/w.nii"))
    assert (found.flags, found.header.manufacturer) == (("sidecar_ignored",), "")


def test_a_link_inside_the_root_is_read_as_a_sidecar(tmp_path: Path) -> None:
    root = tmp_path / "set"
    (root / ".git/annex/objects").mkdir(parents=True)
    (root / ".git/annex/objects/key").write_text(json.dumps({"Manufacturer": "near"}))
    (root / "common.json").write_text(json.dumps({"Manufacturer": "far", "EchoTime": 0.002}))
    (root / "sub-1/anat").mkdir(parents=True)
    (root / "sub-1/anat/sub-1_T1w.json").symlink_to("../../.git/annex/objects/key")
    (root / "T1w.json").symlink_to("common.json")
    path = nifti(root / "sub-1/anat/sub-1_T1w.nii")
    header = read_instance(path, "set/sub-1/anat/sub-1_T1w.nii").header
    assert (header.manufacturer, header.echo_time) == ("near", 2.0)
    (root / ".git/annex/objects/key").unlink()
    found = read_instance(path, "set/sub-1/anat/sub-1_T1w.nii")
    assert (found.flags, found.header.manufacturer) == (("sidecar_ignored",), "far")


def test_an_apple_double_file_is_not_a_sidecar(tmp_path: Path) -> None:
    nifti(tmp_path / "r/v.nii")
    for ending in ("json", "bval", "nii"):
        (tmp_path / f"r/._v.{ending}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(200))
    studies, notes, walked = scan(tmp_path / "r")
    assert is_accounted(studies, notes, walked)
    assert {note.reason for note in notes} == {Reason.NOT_AN_IMAGE}
    assert {note.detail for note in notes} == {"AppleDouble file of macOS"}
    assert studies[0].series[0].flags == ()


@pytest.mark.parametrize("modality", ["MRI", "mr", "MR ", "mri", "NMR"])
def test_modality_of_a_sidecar_by_another_name(tmp_path: Path, modality: str) -> None:
    assert described(tmp_path, {"Modality": modality}).header.modality == "MR"
