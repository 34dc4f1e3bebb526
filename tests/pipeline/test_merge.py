"""batchmri merge: the tables of separate outputs equal those of one scan."""

import json
import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest

from batchmri.errors import OutputBusyError, UsageError
from batchmri.pipeline.commands.merge import merge
from batchmri.pipeline.commands.reclassify import reclassify
from batchmri.pipeline.commands.reexport import write_report
from batchmri.pipeline.commands.status import status
from batchmri.pipeline.run.lock import hold
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from batchmri.state.store import Store
from tests.pipeline.builders import changed, head, uid, write_series
from tests.pipeline.outputs import assert_every_file_accounted_for, contents, table
from tests.pipeline.test_planted_model import Plant, plant, planted

__all__ = ["plant"]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """Two folders and their outputs: DICOM studies, a skipped series, damaged files; NIfTI."""
    base = tmp_path_factory.mktemp("scanned")
    one, two = base / "one", base / "two"
    write_series(one / "a", "a", "head", SeriesDescription="AX T1 +C")
    write_series(one / "a", "a", "scout", n=3, SeriesDescription="localizer", SeriesNumber=1)
    (one / "a" / "cut").write_bytes((one / "a" / "head-000").read_bytes()[:1500])
    write_series(two / "b", "b", "head", PatientID="id-a")
    slices = np.stack([head(seed=n) for n in range(6)], axis=2).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(slices, np.diag([-3, -3, 15, 1])), two / "c_T1w.nii.gz")
    (two / "notes.txt").write_text("no image")
    with planted(0):
        for folder in (one, two):
            scan([folder], out=base / f"out-{folder.name}", settings=settings)
    return base


@pytest.fixture
def folders(scanned: Path, tmp_path: Path, plant: Plant) -> list[Path]:
    """The folders, copied for one test."""
    plant(0)
    return [_copied(scanned / name, tmp_path) for name in ("one", "two")]


@pytest.fixture
def outputs(scanned: Path, tmp_path: Path, plant: Plant) -> list[Path]:
    """The outputs, copied for one test."""
    plant(0)
    return [_copied(scanned / name, tmp_path) for name in ("out-one", "out-two")]


def _copied(folder: Path, target: Path) -> Path:
    return Path(shutil.copytree(folder, target / folder.name))


def test_merged_tables_and_pictures_are_those_of_one_scan(
    folders: list[Path], outputs: list[Path], tmp_path: Path, settings: Settings
) -> None:
    whole, merged = tmp_path / "whole", tmp_path / "merged"
    scan(folders, out=whole, settings=settings)
    before = [contents(out) for out in outputs]
    for folder in folders:
        shutil.rmtree(folder)  # the archive is not needed
    record = json.loads((outputs[1] / "run.json").read_text())
    (outputs[1] / "run.json").write_text(json.dumps(record | {"notices": ["of another run"]}))
    totals = merge(outputs[::-1], out=merged)
    assert contents(merged) == contents(whole)
    lines, lines_of_scan = _lines(merged), _lines(whole)
    assert lines == sorted(lines_of_scan) and len(lines) == 3
    assert (merged / "changes.csv").read_bytes() == (whole / "changes.csv").read_bytes()
    assert [contents(out) for out in outputs] == before
    assert totals.studies == {"classified": 3}
    run, of_scan = (json.loads((out / "run.json").read_text()) for out in (merged, whole))
    assert run["counts"] == of_scan["counts"] | {"new_failures": 0}
    assert run["notices"] == []
    assert run["merged_from"] == [str(out) for out in outputs[::-1]]
    assert len(status(merged).runs) == 1
    assert_every_file_accounted_for(merged, 18)


def _lines(out: Path) -> list[tuple[str, str]]:
    """The studies of results.jsonl with their lines, in the order of the file."""
    lines = (out / "results.jsonl").read_text().splitlines()
    return [(json.loads(line)["study_uid"], line) for line in lines]


def test_a_scan_continues_a_merged_output_without_classifying_again(
    folders: list[Path],
    outputs: list[Path],
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    merged = tmp_path / "merged"
    merged.mkdir()
    (merged / "results.jsonl").write_text("left by a merge that was killed\n")
    merge(outputs, out=merged)
    before, lines = contents(merged), _lines(merged)
    monkeypatch.setattr("batchmri.pipeline.run.loaded_model.load_checkpoint", None)
    assert scan(folders, out=merged, settings=settings).exit_code == 0
    assert contents(merged) == before
    assert _lines(merged) == lines, "no study is listed twice"


def test_an_equal_study_in_two_outputs_is_merged_once(
    outputs: list[Path], tmp_path: Path, folders: list[Path], settings: Settings
) -> None:
    scan([folders[0]], out=tmp_path / "again", settings=settings)
    merge([*outputs, tmp_path / "again"], out=tmp_path / "merged")
    merge(outputs, out=tmp_path / "plain")
    assert contents(tmp_path / "merged") == contents(tmp_path / "plain")


def test_a_study_with_different_files_is_refused_by_name(
    outputs: list[Path], tmp_path: Path, settings: Settings
) -> None:
    other = tmp_path / "three"
    write_series(other, "b", "head")
    scan([other], out=tmp_path / "out-three", settings=settings)
    with pytest.raises(UsageError, match=f"study {uid('b')}:.* between .*out-two and .*out-three;"):
        merge([*outputs, tmp_path / "out-three"], out=tmp_path / "merged")
    assert not (tmp_path / "merged" / "state.db").exists()
    assert not list((tmp_path / "merged").glob("*.csv"))


def test_a_study_with_different_results_is_refused(
    outputs: list[Path], folders: list[Path], tmp_path: Path, settings: Settings, plant: Plant
) -> None:
    plant(2)
    scan([folders[0]], out=tmp_path / "other", settings=settings)
    with pytest.raises(UsageError, match=f"study {uid('a')}:.* between .*out-one and .*other;"):
        merge([*outputs, tmp_path / "other"], out=tmp_path / "merged")


def test_files_of_equal_names_in_folders_of_equal_names_are_refused(
    outputs: list[Path], tmp_path: Path, settings: Settings
) -> None:
    elsewhere = tmp_path / "elsewhere" / "two"
    write_series(elsewhere / "d", "d", "head")
    (elsewhere / "notes.txt").write_text("other notes")
    scan([elsewhere], out=tmp_path / "out-three", settings=settings)
    with pytest.raises(UsageError, match=r"two/notes\.txt: another file in .*--root-label"):
        merge([*outputs, tmp_path / "out-three"], out=tmp_path / "merged")


def test_other_settings_are_refused_by_name(
    outputs: list[Path], folders: list[Path], tmp_path: Path, settings: Settings
) -> None:
    with_rules = changed(settings, "verdict", top_slices=4)
    other = changed(with_rules, "selection", min_slices=4)
    scan([folders[1]], out=tmp_path / "other", settings=other)
    with pytest.raises(
        UsageError, match=r"selection\.min_slices 4 \(first output: 5\), --top-slices 4 \("
    ):
        merge([outputs[0], tmp_path / "other"], out=tmp_path / "merged")
    reclassify(outputs[0], settings=with_rules)
    with pytest.raises(UsageError, match=r"made with --top-slices 3 \(first output: 4\); use"):
        merge(outputs, out=tmp_path / "merged")


def test_other_pictures_are_refused_by_their_flag(
    outputs: list[Path], folders: list[Path], tmp_path: Path, settings: Settings
) -> None:
    other = changed(settings, "report", gradcam="none", html=False)
    scan([folders[1]], out=tmp_path / "other", settings=other)
    message = r"--gradcam none \(first output: top:1\), --report off \(first output: on\)"
    with pytest.raises(UsageError, match=message):
        merge([outputs[0], tmp_path / "other"], out=tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_without_a_report_the_last_line_says_how_to_write_it(
    folders: list[Path], tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, merged = changed(settings, "report", html=False), tmp_path / "merged"
    for folder in folders:
        scan([folder], out=tmp_path / f"out-{folder.name}", settings=plain)
    merge([tmp_path / "out-one", tmp_path / "out-two"], out=merged)
    assert f"To write one: batchmri report {merged}" in capsys.readouterr().out
    assert not (merged / "report").exists()
    assert write_report(merged).is_file()


def test_another_model_or_header_reader_is_refused(outputs: list[Path], tmp_path: Path) -> None:
    with Store(outputs[1] / "state.db") as store:
        before = str(store.meta("made_with"))
        store.set_meta("made_with", json.dumps(json.loads(before) | {"model": "x"}))
    with pytest.raises(
        UsageError, match=r"out-two: cannot .* made with model x \(first output: \w{8}\)"
    ):
        merge(outputs, out=tmp_path / "merged")
    with Store(outputs[1] / "state.db") as store:
        store.set_meta("made_with", before)
        store.set_meta("header_version", "0")
    with pytest.raises(UsageError, match=r"made with header reader 0 \(first"):
        merge(outputs, out=tmp_path / "merged")


def test_another_contract_is_refused(outputs: list[Path], tmp_path: Path) -> None:
    run = json.loads((outputs[1] / "run.json").read_text())
    (outputs[1] / "run.json").write_text(json.dumps(run | {"contract_version": "1"}))
    with pytest.raises(UsageError, match="out-two: its tables have contract version 1, and"):
        merge(outputs, out=tmp_path / "merged")


def test_outputs_without_results_or_in_use_are_refused(outputs: list[Path], tmp_path: Path) -> None:
    merged = tmp_path / "merged"
    with pytest.raises(UsageError, match="no results here"):
        merge([outputs[0], tmp_path], out=merged)
    with pytest.raises(UsageError, match="out-one: named twice"):
        merge([outputs[0], outputs[0]], out=merged)
    with pytest.raises(UsageError, match="already contains results"):
        merge(outputs, out=outputs[0])
    with hold(outputs[1]), pytest.raises(OutputBusyError):
        merge(outputs, out=merged)
    saved = (outputs[1] / "run.json").read_bytes()
    (outputs[1] / "run.json").unlink()
    with pytest.raises(UsageError, match="out-two: its scan is not finished"):
        merge(outputs, out=merged)
    (outputs[1] / "run.json").write_bytes(saved)
    with Store(outputs[1] / "state.db") as store:
        store.series.forget_results()  # every series waits, as after a scan that was interrupted
    with pytest.raises(UsageError, match="out-two: its scan is not finished"):
        merge(outputs, out=merged)


def test_a_state_outside_of_its_output_is_found(
    folders: list[Path], outputs: list[Path], tmp_path: Path, settings: Settings
) -> None:
    elsewhere = ScanOptions(state=tmp_path / "state")
    scan([folders[1]], out=tmp_path / "far", settings=settings, options=elsewhere)
    merge([outputs[0], tmp_path / "far"], out=tmp_path / "merged")
    merge(outputs, out=tmp_path / "plain")
    assert contents(tmp_path / "merged") == contents(tmp_path / "plain")
    assert table(tmp_path / "merged", "studies")
