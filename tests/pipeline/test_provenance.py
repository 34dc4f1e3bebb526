"""The model of a scan, and messages about results of another model or other settings."""

import shutil
from pathlib import Path

import pytest

from batchmri.errors import ModelError
from batchmri.pipeline.run.provenance import provenance_differences
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed

BEFORE = {
    "model": "4ad5dd29e4b4dbd7",
    "temperature": "0.8",
    "preparation": "[('size', 224)]",
    "device": "openvino cpu",
    "precision": "bf16",
    "identifiers": "false",
}


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ({"precision": "fp32"}, ["--precision bf16 (now fp32)"]),
        ({"device": "torch cuda"}, ["--backend openvino on cpu (now --backend torch on cuda)"]),
        ({"identifiers": "true"}, ["no --identifiers (now --identifiers)"]),
        ({"temperature": "1.0"}, ["temperature 0.8 (now 1.0)"]),
        (
            {"model": "77aabbccddeeff00", "temperature": "1.0", "preparation": "[]"},
            ["model 4ad5dd29 (now 77aabbcc)"],
        ),
        ({}, []),
    ],
)
def test_differences_are_named_in_words(now: dict[str, str], words: list[str]) -> None:
    assert provenance_differences(BEFORE, BEFORE | now) == words


def test_what_an_old_output_does_not_state_is_unknown() -> None:
    before = {key: value for key, value in BEFORE.items() if key != "identifiers"}
    assert provenance_differences(before, BEFORE) == ["unknown (now no --identifiers)"]


def test_damaged_weights_are_refused_before_the_archive_is_read(
    random_model: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "archive").mkdir()
    for suffix in (".safetensors", ".json"):
        shutil.copy(random_model.with_suffix(suffix), tmp_path)
    damaged = tmp_path / random_model.name
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    monkeypatch.setattr("batchmri.pipeline.index.walk", lambda *_: pytest.fail("it was read"))
    with pytest.raises(ModelError, match=r"random\.safetensors: its sha256 differs"):
        scan(
            [tmp_path / "archive"],
            out=tmp_path / "out",
            settings=changed(settings, "classifier", model=damaged),
        )
