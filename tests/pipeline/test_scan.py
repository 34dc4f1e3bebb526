import random
import shutil
from pathlib import Path

import pytest

from batchmri.archive import assembly
from batchmri.errors import StateError, UsageError
from batchmri.pipeline.commands.reclassify import reclassify
from batchmri.pipeline.run.scan_options import ScanOptions
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed, head, instance, save, uid, write_series
from tests.pipeline.outputs import assert_every_file_accounted_for, contents, table


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """An archive of two studies with two series each, 24 files, and its output."""
    base = tmp_path_factory.mktemp("scanned")
    for study in ("a", "b"):
        write_series(base / "archive" / study, study, "one")
        write_series(base / "archive" / study, study, "two", SeriesDescription="AX T1 +C")
    assert scan([base / "archive"], out=base / "out", settings=settings).exit_code == 0
    return base


def test_a_scan_writes_every_file_of_the_contract(out: Path) -> None:
    for name in ("studies", "series", "slices", "files", "changes"):
        assert (out / f"{name}.csv").is_file()
    for name in ("datapackage.json", "run.json", "state.db"):
        assert (out / name).is_file()
    studies = table(out, "studies")
    assert [row["study_uid"] for row in studies] == sorted(uid(s) for s in ("a", "b"))
    assert all((out / row["montage_png"]).is_file() for row in studies)
    assert len(table(out, "slices")) == 24
    assert_every_file_accounted_for(out, 24)


def test_workers_batches_order_and_second_runs_give_the_same_bytes(
    out: Path, archive: Path, tmp_path: Path, settings: Settings
) -> None:
    first = out
    shuffled = tmp_path / "shuffled" / "archive"
    paths = [p for p in archive.rglob("*") if p.is_file()]
    random.Random(3).shuffle(paths)
    for path in paths:
        target = shuffled / path.relative_to(archive)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    second = tmp_path / "second"
    other = changed(changed(settings, "pixels", workers=4), "classifier", batch_size=64)
    scan([shuffled], out=second, settings=other)
    assert contents(second) == contents(first)
    scan([archive], out=first, settings=settings)
    assert contents(second) == contents(first)


def test_a_second_run_does_no_finished_work_again(
    out: Path, archive: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.glob("gradcam/**/*.png")}
    changes = table(out, "changes")
    monkeypatch.setattr("batchmri.pipeline.run.loaded_model.load_checkpoint", None)
    assert scan([archive], out=out, settings=settings).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert table(out, "changes") == changes, "those of the last run that changed anything"


def test_a_second_run_processes_only_new_and_changed_studies(
    out: Path, archive: Path, tmp_path: Path, settings: Settings
) -> None:
    write_series(archive / "c", "c", "one")
    save(instance("b", "one", 6), archive / "b" / "late")
    shutil.rmtree(archive / "a")
    scan([archive], out=out, settings=settings, options=ScanOptions(allow_shrink=True))
    changes = {row["study_uid"]: row["change"] for row in table(out, "changes")}
    assert changes == {uid("a"): "gone", uid("b"): "changed", uid("c"): "new"}
    fresh = tmp_path / "fresh"
    scan([archive], out=fresh, settings=settings)
    assert contents(out) == contents(fresh)


def test_a_bad_file_does_not_affect_other_files(
    scanned: Path, archive: Path, tmp_path: Path, settings: Settings
) -> None:
    victim = archive / "a" / "one-003"
    victim.write_bytes(victim.read_bytes()[:-3000])
    (archive / "empty").touch()
    (archive / "note.txt").write_text("not an image")
    out = tmp_path / "out"
    assert scan([archive], out=out, settings=settings).exit_code == 1
    files = {row["source"]: row["reason"] for row in table(out, "files")}
    assert files == {
        "archive/a/one-003": "truncated",
        "archive/empty": "empty_file",
        "archive/note.txt": "not_an_image",
    }
    lost = uid("a", "one", 3)
    kept = [row for row in table(scanned / "out", "slices") if row["instance_uid"] != lost]
    columns = ("instance_uid", "p_glioma", "predicted", "crop_x")
    assert [[row[c] for c in columns] for row in table(out, "slices")] == [
        [row[c] for c in columns] for row in kept
    ]
    assert_every_file_accounted_for(out, 26)
    # No new failures: the systemd unit of a timer does not fail forever.
    assert scan([archive], out=out, settings=settings).exit_code == 0


def test_roots_with_the_same_names_inside_are_kept_apart(
    tmp_path: Path, settings: Settings
) -> None:
    for place, study in (("x", "a"), ("y", "b")):
        write_series(tmp_path / place / "mri" / "s", study, "one")
    out = tmp_path / "out"
    scan([tmp_path / "x" / "mri", tmp_path / "y" / "mri"], out=out, settings=settings)
    sources = {row["source"] for row in table(out, "studies")}
    assert sources == {"mri/s", "mri-2/s"}


def test_monochrome1_has_the_verdict_of_its_inverted_image(
    tmp_path: Path, settings: Settings
) -> None:
    write_series(tmp_path / "archive", "a", "one")
    for number in range(6):
        negative = 4095 - head(seed=number)
        made = instance("a", "two", number, negative, PhotometricInterpretation="MONOCHROME1")
        save(made, tmp_path / "archive" / f"two-{number}")
    out = tmp_path / "out"
    scan([tmp_path / "archive"], out=out, settings=settings)
    rows = table(out, "slices")
    one, two = rows[:6], rows[6:]
    assert [row["p_glioma"] for row in one] == [row["p_glioma"] for row in two]


def test_a_blank_slice_is_left_out_and_listed(tmp_path: Path, settings: Settings) -> None:
    write_series(tmp_path / "archive", "a", "one", n=6)
    save(instance("a", "one", 6, head() * 0), tmp_path / "archive" / "blank")
    out = tmp_path / "out"
    assert scan([tmp_path / "archive"], out=out, settings=settings).exit_code == 0
    (series,) = table(out, "series")
    assert (series["n_slices"], series["detail"]) == ("7", "1 x blank_slice")
    assert [row["reason"] for row in table(out, "files")] == ["blank_slice"]
    assert_every_file_accounted_for(out, 7)


def test_changed_verdict_rules_rewrite_the_tables_and_blank_pictures(
    out: Path, archive: Path, tmp_path: Path, settings: Settings
) -> None:
    strict = changed(settings, "verdict", min_confidence=1.0)
    reclassify(out, settings=strict)
    assert {row["verdict"] for row in table(out, "studies")} == {"indeterminate"}
    scan([archive], out=out, settings=strict)
    fresh = tmp_path / "fresh"
    scan([archive], out=fresh, settings=strict)
    assert contents(out) == contents(fresh)


def test_a_missing_picture_is_drawn_again(out: Path, archive: Path, settings: Settings) -> None:
    before = contents(out)
    pictures = sorted(out.glob("gradcam/**/*.png"))
    pictures[0].unlink()
    next(path for path in pictures if path.name == "montage.png").unlink()
    scan([archive], out=out, settings=settings)
    assert contents(out) == before


def test_another_precision_is_refused_before_any_work(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Independent of the processor: nothing is computed in the other precision.
    monkeypatch.setattr(
        "batchmri.model.backends.openvino.supported_precisions", lambda: ("fp32", "bf16")
    )
    out = tmp_path / "out"
    scan([archive], out=out, settings=changed(settings, "classifier", precision="fp32"))
    before = contents(out)
    other = settings.model_copy(
        update={"classifier": settings.classifier.model_copy(update={"precision": "bf16"})}
    )
    with pytest.raises(StateError, match=r"precision fp32 \(now bf16\)"):
        scan([archive], out=out, settings=other)
    assert contents(out) == before


def test_a_missing_path_is_a_usage_error(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match="no such file"):
        scan([tmp_path / "nowhere"], out=tmp_path / "out", settings=settings)


def test_no_patient_data_anywhere(out: Path) -> None:
    for path in out.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"Name^" not in content, path
            assert b"id-a" not in content, path


def test_a_run_with_nothing_new_assembles_no_study(
    archive: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, assembled = tmp_path / "out", []
    real = assembly.assemble
    monkeypatch.setattr(assembly, "assemble", lambda *args: assembled.append(1) or real(*args))

    def n_assembled(used: Settings = settings, **options: bool) -> int:
        assembled.clear()
        scan([archive], out=out, settings=used, options=ScanOptions(**options))
        return len(assembled)

    assert n_assembled() > 0
    assert n_assembled() == 0
    assert n_assembled(changed(settings, "selection", all_sequences=True)) > 0
    n_assembled()
    assert n_assembled(retry_failed=True) > 0
    assert n_assembled() == 0
    for picture in out.glob("gradcam/**/*.png"):
        picture.unlink()
    assert n_assembled() > 0, "pictures are missing"
    write_series(archive / "new", "new", "one")
    assert n_assembled() > 0
    assert n_assembled() == 0
