"""explain, rescan, forget and compare."""

import csv
import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from batchmri.errors import UsageError
from batchmri.pipeline.commands.compare import compare
from batchmri.pipeline.commands.dicom_command import dicom
from batchmri.pipeline.commands.dry_run import dry_run
from batchmri.pipeline.commands.explain import explain
from batchmri.pipeline.commands.reclassify import reclassify
from batchmri.pipeline.commands.reexport import reexport
from batchmri.pipeline.commands.studies_command import forget, rescan
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed, uid, write_series
from tests.pipeline.outputs import contents, table
from tests.pipeline.test_planted_model import Plant, plant, planted

__all__ = ["plant"]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies; `a` also has a series that is skipped. Tests do not change it."""
    root = tmp_path_factory.mktemp("admin") / "archive"
    write_series(root / "a", "a", "head", SeriesDescription="AX T1 +C")
    write_series(root / "a", "a", "scout", n=3, SeriesDescription="localizer", SeriesNumber=1)
    write_series(root / "b", "b", "head", SeriesDescription="AX T1 +C")
    (root / "a" / "damaged.dcm").write_bytes((root / "a" / "head-000").read_bytes()[:1500])
    return root


@pytest.fixture(scope="module")
def scanned(archive: Path, settings: Settings) -> Path:
    """An output in which a glioma is predicted."""
    with planted(0):
        scan([archive], out=archive.parent / "scanned", settings=settings)
    return archive.parent / "scanned"


@pytest.fixture
def out(scanned: Path, tmp_path: Path, plant: Plant) -> Path:
    """The output, copied for one test."""
    plant(0)
    return Path(shutil.copytree(scanned, tmp_path / "out"))


def studies(output: Path) -> dict[str, str]:
    return {row["study_uid"]: row["verdict"] for row in table(output, "studies")}


def test_a_study_is_explained_with_every_series_and_the_rule_of_its_verdict(out: Path) -> None:
    lines = explain(out, uid("a"))
    text = "\n".join(lines)
    row = next(row for row in table(out, "studies") if row["study_uid"] == uid("a"))
    assert lines[0] == f"study {uid('a')}"
    assert f"  verdict: glioma {row['confidence']} (tumor)" in lines
    assert "(tumor_above): a tumor." in text
    assert "series_description AX T1 +C" in text and "repetition_time 500.0" in text
    assert "skipped: localizer (by description). A localizer (scout)." in text
    assert f"probabilities: glioma {row['p_glioma']}" in text
    assert "Name^a" not in text and "id-a" not in text


def test_a_study_is_found_by_its_source_too(out: Path) -> None:
    (source,) = [row["source"] for row in table(out, "studies") if row["study_uid"] == uid("b")]
    assert explain(out, source) == explain(out, uid("b"))


def test_verdicts_are_explained_under_the_rules_of_the_tables(
    out: Path, settings: Settings
) -> None:
    reclassify(out, settings=changed(settings, "verdict", tumor_above=1.0, notumor_below=0.0))
    text = "\n".join(explain(out, uid("a")))
    assert "verdict: indeterminate" in text and "below 1 (tumor_above)" in text


def test_a_file_is_explained_by_path_and_by_source(out: Path, archive: Path) -> None:
    lines = explain(out, str(archive / "a" / "head-002"))
    assert lines == explain(out, "archive/a/head-002")
    assert f"  classified as slice 3 of series {uid('a', 'head')}" in lines
    (reason,) = [
        row["reason"] for row in table(out, "files") if row["source"] == "archive/a/damaged.dcm"
    ]
    assert any(reason in line for line in explain(out, "archive/a/damaged.dcm"))


def test_a_folder_is_explained_by_path_and_by_source(
    out: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = explain(out, str(archive))
    text = "\n".join(lines)
    assert lines[0] == f"folder {archive}"
    assert "  files: 16 with " in text
    assert (
        "  series: 3" in text and "    2 classified" in text and "    1 skipped: localizer." in text
    )
    assert "  studies: 2" in text and "    2 glioma" in text
    assert f"  study {uid('b')}: glioma, archive/b" in lines
    assert explain(out, "archive/")[1:] == lines[1:]
    monkeypatch.chdir(archive)
    assert explain(out, ".")[1:] == lines[1:]
    one = explain(out, str(archive / "b"))
    assert one[1].startswith("  files: 6 with") and one[-1] == explain(out, uid("b"))[-1]
    (archive.parent / "archive2").mkdir()
    with pytest.raises(UsageError, match="neither"):
        explain(out, str(archive.parent / "archive2"))


def test_a_folder_is_explained_with_the_series_that_have_files_below_it(
    tmp_path: Path, settings: Settings, plant: Plant
) -> None:
    plant(0)
    root = tmp_path / "archive"
    write_series(root / "a" / "t1", "a", "head", SeriesDescription="AX T1 +C")
    write_series(root / "a" / "scout", "a", "scout", n=3, SeriesDescription="localizer")
    write_series(root / "a" / "t2", "a", "t2", SeriesDescription="AX T2 TSE", EchoTime=100.0)
    (root / "a" / "t1" / "part").mkdir()
    (root / "a" / "t1" / "head-000").rename(root / "a" / "t1" / "part" / "head-000")
    scan([root], out=tmp_path / "out", settings=settings)

    def counted(folder: str) -> list[str]:
        lines = explain(tmp_path / "out", folder)
        return [line.partition(".")[0] for line in lines[2 : lines.index("  studies: 1")]]

    assert counted("archive/a/t1") == ["  series: 1", "    1 classified"]
    assert (
        counted("archive/a/t1/part") == counted(str(root / "a" / "t1")) == counted("archive/a/t1")
    )
    assert counted("archive/a/scout") == ["  series: 1", "    1 skipped: localizer"]
    assert counted("archive")[0] == "  series: 3"


@pytest.mark.parametrize("name", ["1.2.3.4", "/nowhere", ""])
def test_an_unknown_name_is_refused(out: Path, name: str) -> None:
    with pytest.raises(UsageError, match="neither a study nor a file"):
        explain(out, name)


def test_a_rescanned_study_returns_with_the_same_results(
    out: Path, archive: Path, settings: Settings
) -> None:
    before = contents(out)
    assert rescan(out, [uid("a")]) == [uid("a")]
    assert list(studies(out)) == [uid("b")]
    outcome = scan([archive], out=out, settings=settings)
    assert contents(out) == before
    assert dict(outcome.totals.changes) == {}


def _mentions(path: Path, study: str) -> bool:
    return path.is_file() and uid(study).encode() in path.read_bytes()


def test_a_forgotten_study_leaves_nothing_behind(
    out: Path, archive: Path, settings: Settings
) -> None:
    assert len(list(out.glob("gradcam/*/*"))) == 2
    reexport(out, settings=Settings.load(report={"formats": ["parquet", "jsonl"]}))
    dry_run([archive], out=out, settings=settings)
    (out / "results.jsonl").open("a").write("a line of another program\n")
    assert dicom(out, kinds=("sr",)) == 0
    assert len(list(out.glob("dicom/*/*/sr.dcm"))) == 2
    forget(out, [uid("a")])
    assert [path for path in out.rglob("*") if uid("a") in str(path)] == []
    assert [path.name for path in out.rglob("*") if _mentions(path, "a")] == []
    listed = (out / "results.jsonl").read_text().splitlines()
    assert uid("b") in listed[0] and listed[1] == "a line of another program"
    assert _mentions(out / "dry-run-series.csv", "b") and _mentions(out / "studies.jsonl", "b")
    assert len(pd.read_parquet(out / "studies.parquet")) == 1
    assert list(studies(out)) == [uid("b")]
    assert len(list(out.glob("gradcam/*/*"))) == 1
    assert uid("a").encode() not in (out / "state.db").read_bytes()
    with sqlite3.connect(out / "state.db") as connection:
        assert connection.execute("SELECT count(*) FROM slices").fetchone() == (6,)
    outcome = scan([archive], out=out, settings=settings)
    assert dict(outcome.totals.changes) == {"new": 1}
    assert sorted(studies(out)) == sorted([uid("a"), uid("b")])


@pytest.mark.parametrize("command", [rescan, forget])
def test_an_unknown_study_changes_nothing(out: Path, command) -> None:
    before = contents(out)
    with pytest.raises(UsageError, match="not a study"):
        command(out, [uid("a"), "1.2.3"])
    assert contents(out) == before and len(studies(out)) == 2


def test_outputs_are_compared(
    tmp_path: Path, out: Path, archive: Path, settings: Settings, plant: Plant
) -> None:
    plant(1)
    more = Path(shutil.copytree(archive, tmp_path / "archive"))
    write_series(more / "c", "c", "head", SeriesDescription="AX T1 +C")
    scan([more], out=tmp_path / "new", settings=settings)
    found = compare(out, tmp_path / "new", table=tmp_path / "differences.csv")
    verdicts = {row["study_uid"]: (row["verdict_1"], row["verdict_2"]) for row in found.rows}
    assert verdicts == {
        uid("a"): ("glioma", "meningioma"),
        uid("b"): ("glioma", "meningioma"),
    }
    (only,) = found.only_second
    assert (only["study_uid"], only["only_in"]) == (uid("c"), "2")
    assert (only["verdict_1"], only["verdict_2"]) == ("", "meningioma")
    assert (found.only_first, found.n_equal) == ((), 0)
    assert compare(tmp_path / "new", out).only_first[0]["study_uid"] == uid("c")
    with (tmp_path / "differences.csv").open(newline="") as file:
        listed = {row["study_uid"]: row for row in csv.DictReader(file)}
    assert listed == {row["study_uid"]: row for row in (*found.rows, only)}
    same = compare(out, out)
    assert (same.rows, same.only_first, same.only_second, same.n_equal) == ((), (), (), 2)


def test_an_output_without_tables_is_not_compared(tmp_path: Path, out: Path) -> None:
    with pytest.raises(UsageError, match=r"studies\.csv: cannot be read"):
        compare(out, tmp_path)
