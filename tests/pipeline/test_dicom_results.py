"""DICOM results of scans: written, kept up to date, found again as own results, and sent."""

import csv
import os
import shutil
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pynetdicom import AE, evt
from pynetdicom.sop_class import Verification

from batchmri.errors import UsageError
from batchmri.outputs.dicom.send import Peer, send, storage_classes
from batchmri.pipeline.aggregate import aggregate
from batchmri.pipeline.commands.dicom_command import Destination, dicom
from batchmri.pipeline.commands.reclassify import reclassify
from batchmri.pipeline.run.shutdown import EXIT_BUDGET, Shutdown
from batchmri.pipeline.scan import scan
from batchmri.records import Series
from batchmri.settings import Settings
from tests.outputs.dicom.test_objects import codes, items
from tests.outputs.dicom.validity import dciodvfy_errors
from tests.pipeline.builders import changed, uid, write_series
from tests.pipeline.outputs import contents, table
from tests.pipeline.test_planted_model import Plant, plant, planted

__all__ = ["plant"]


@pytest.fixture(scope="module")
def wanted(settings: Settings) -> Settings:
    return changed(settings, "report", dicom_results=("sr", "sc", "kos"))


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with two series, one of them after contrast."""
    root = tmp_path_factory.mktemp("dicom") / "archive"
    write_series(root, series="plain")
    write_series(root, series="contrast", SeriesDescription="AX T1 +C", SeriesNumber=4)
    return root


@pytest.fixture
def archive(tmp_path: Path, read_only: Path, plant: Plant) -> Path:
    """The study, copied for one test, in which a glioma is predicted."""
    plant(0)
    return Path(shutil.copytree(read_only, tmp_path / "archive"))


@pytest.fixture(scope="module")
def scanned(read_only: Path, settings: Settings, wanted: Settings) -> Path:
    """The folder of an output with objects and of one without."""
    with planted(0):
        for name, used in (("with", wanted), ("without", settings)):
            assert scan([read_only], out=read_only.parent / name, settings=used).exit_code == 0
    return read_only.parent


@pytest.fixture
def out(tmp_path: Path, scanned: Path, plant: Plant) -> Path:
    """The output with objects, copied for one test."""
    plant(0)
    return Path(shutil.copytree(scanned / "with", tmp_path / "out"))


@pytest.fixture
def without(tmp_path: Path, scanned: Path) -> Path:
    """The output without objects, copied for one test."""
    return Path(shutil.copytree(scanned / "without", tmp_path / "without"))


def results(output: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted(output.glob("dicom/*/*/*.dcm"))}


def content(output: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in results(output).values()}


def test_a_scan_writes_objects_with_the_values_of_the_tables(out: Path) -> None:
    found = results(out)
    assert sorted(found) == ["kos", "sc", "sr"]
    for path in found.values():
        assert dciodvfy_errors(path) == []
        assert path.stat().st_mode & 0o777 == 0o600
    assert (out / "dicom").stat().st_mode & 0o777 == 0o700
    report = dcmread(found["sr"])
    assert (report.PatientID, report.StudyInstanceUID) == ("id-study", uid("study"))
    rows = {f"batchmri series {row['series_number']}": row for row in table(out, "series")}
    groups = items(report, "Measurement Group")
    assert len(groups) == len(rows) == 2
    for group in groups:
        row = rows[items(group, "Tracking Identifier")[0].TextValue]
        (reason,) = items(group, "Reason for the verdict")
        assert codes([reason]) == [(row["verdict_reason"], "99BATCHMRI")]
        for item in items(group, "Probability"):
            value = float(item.MeasuredValueSequence[0].NumericValue)
            code, _ = codes(items(item, "Finding"))[0]
            name = "p_tumor" if code == "C3262" else f"p_{code}"
            assert f"{value / 100:.4f}" == row[name]
        library = [item.ReferencedSOPSequence[0] for item in items(group, "Source of Measurement")]
        indices = [
            int(row["slice_index"])
            for row in table(out, "slices")
            if row["instance_uid"] in {ref.ReferencedSOPInstanceUID for ref in library}
        ]
        assert int(row["deciding_slice"]) in indices


def test_unchanged_studies_are_not_written_again(
    out: Path, read_only: Path, wanted: Settings
) -> None:
    before = {path: path.stat().st_mtime_ns for path in results(out).values()}
    scan([read_only], out=out, settings=wanted)
    assert {path: path.stat().st_mtime_ns for path in results(out).values()} == before


def test_a_missing_object_is_written_again_and_one_that_is_not_wanted_is_removed(
    out: Path,
) -> None:
    before = content(out)
    results(out)["kos"].unlink()
    assert dicom(out) == 0
    assert content(out) == before
    assert dicom(out, kinds=("sr",)) == 0
    assert content(out) == {"sr.dcm": before["sr.dcm"]}


def test_finished_studies_have_objects_after_a_run_that_stops_early(
    tmp_path: Path, archive: Path, wanted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(archive / "b", "later", SeriesDescription="AX T1 +C")
    monkeypatch.setattr("batchmri.pipeline.scan.Shutdown", _OneStudy)
    out = tmp_path / "out"
    assert scan([archive], out=out, settings=wanted).exit_code == 5
    listed = {row["study_uid"] for row in table(out, "studies")}
    assert len(listed) == 1
    assert {path.parent.name for path in out.glob("dicom/*/*/*.dcm")} == listed
    assert {path.stem for path in out.glob("report/studies/*/*.html")} == listed


class _OneStudy(Shutdown):
    """A time budget that is used up after the series of one study."""

    def until(self, items: Iterable[Any]) -> Iterator[Any]:
        studies = set()
        for item in super().until(items):
            if isinstance(item, Series):
                studies.add(item.key.study_uid)
            if len(studies) == 2:
                self.request(EXIT_BUDGET, "the time budget is used up")
                return
            yield item


def test_a_signal_leaves_objects_to_the_next_run(
    tmp_path: Path, archive: Path, wanted: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def interrupted(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return aggregate(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr("batchmri.pipeline.scan._EXPORT_GRACE_S", 0)
        patch.setattr("batchmri.pipeline.dicom.dicom_results.aggregate", interrupted)
        write_series(archive / "b", "later", SeriesDescription="AX T1 +C")
        assert scan([archive], out=out, settings=wanted).exit_code == 143
    assert (out / "run.json").is_file()
    assert len(list(out.glob("dicom/*/*/sr.dcm"))) == 1, "that of the study in work"
    assert scan([archive], out=out, settings=wanted).exit_code == 0
    assert len(list(out.glob("dicom/*/*/sr.dcm"))) == 2


def test_objects_after_the_fact_are_the_same(scanned: Path, without: Path) -> None:
    assert not (without / "dicom").exists()
    assert dicom(without) == 0
    assert content(without) == content(scanned / "with")


def test_objects_found_in_the_archive_change_nothing(
    out: Path, archive: Path, wanted: Settings
) -> None:
    tables, objects = contents(out), content(out)
    for name, path in results(out).items():
        shutil.copy(path, archive / f"received-{name}.dcm")
    outcome = scan([archive], out=out, settings=wanted)
    assert (outcome.exit_code, dict(outcome.totals.changes)) == (0, {})
    assert content(out) == objects
    assert contents(out)["slices.csv"] == tables["slices.csv"]
    own = [row for row in table(out, "series") if row["reason"] == "own_result"]
    assert len(own) == 3
    (before,), (after,) = _study_rows(tables["studies.csv"]), table(out, "studies")
    counts = ("n_series", "n_skipped")
    assert {k: v for k, v in after.items() if k not in counts} == {
        k: v for k, v in before.items() if k not in counts
    }


def _study_rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(text.decode().splitlines()))


def test_objects_show_the_verdicts_of_the_tables(
    tmp_path: Path, archive: Path, wanted: Settings
) -> None:
    """Also without a montage, which changes with the verdict too."""
    out = tmp_path / "out"
    wanted = changed(wanted, "report", gradcam="none")
    scan([archive], out=out, settings=wanted)
    undecided = changed(wanted, "verdict", tumor_above=1.0, notumor_below=0.0)
    reclassify(out, settings=undecided)
    (row,) = table(out, "studies")
    assert row["verdict"] == "indeterminate"
    dicom(out)
    presence = items(dcmread(results(out)["sr"]), "Presence of property")
    assert {p.ConceptCodeSequence[0].CodeMeaning for p in presence} == {"Undetermined"}
    assert "kos" not in results(out)


def test_a_source_that_cannot_be_read_is_a_failure_with_its_reason(
    tmp_path: Path, archive: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    scan([archive], out=out, settings=settings)
    shutil.rmtree(archive)
    assert dicom(out) == 1
    assert "study=archive" in (line := _warning(capsys)) and "cannot be read" in line
    assert results(out) == {}


def _warning(capsys: pytest.CaptureFixture[str]) -> str:
    return next(line for line in capsys.readouterr().err.splitlines() if "warning" in line)


def test_objects_of_a_study_that_is_gone_are_removed(
    tmp_path: Path, archive: Path, wanted: Settings
) -> None:
    out = tmp_path / "out"
    write_series(archive / "b", study="second", SeriesDescription="AX T1 +C")
    scan([archive], out=out, settings=wanted)
    assert len(list(out.glob("dicom/*/*/sr.dcm"))) == 2
    shutil.rmtree(archive / "b")
    scan([archive], out=out, settings=wanted)
    (left,) = out.glob("dicom/*/*/sr.dcm")
    assert left.parent.name == uid("study")


def test_nifti_studies_have_no_objects(
    tmp_path: Path, plant: Plant, wanted: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(0)
    volume = np.random.default_rng(1).normal(100, 30, (40, 40, 8)).astype(np.float32)
    volume[10:30, 10:30] += 500
    (tmp_path / "archive").mkdir()
    image = nibabel.Nifti1Image(volume, np.diag([5.0, 5.0, 5.0, 1.0]))
    nibabel.save(image, tmp_path / "archive" / "head_T1w.nii.gz")
    assert scan([tmp_path / "archive"], out=tmp_path / "out", settings=wanted).exit_code == 0
    assert results(tmp_path / "out") == {}
    said = [line for line in capsys.readouterr().err.splitlines() if "no DICOM results" in line]
    assert len(said) == 1


def test_an_output_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no results here"):
        dicom(tmp_path)


# --- sending


class Pacs:
    """A peer that stores objects in memory; `refuse` makes it answer "out of resources"."""

    def __init__(self) -> None:
        self.stored: list[Dataset] = []
        self.refuse = False
        ae = AE(ae_title="PACS")
        for context in (*storage_classes(), Verification):
            ae.add_supported_context(context)
        handlers = [(evt.EVT_C_STORE, self._store)]
        self._server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        self.peer = Peer("PACS", "127.0.0.1", self._server.socket.getsockname()[1])

    def _store(self, event: evt.Event) -> int:
        if self.refuse:
            return 0xA700
        self.stored.append(event.dataset)
        return 0

    def close(self) -> None:
        with suppress(ValueError):  # closed before
            self._server.shutdown()


@pytest.fixture
def pacs() -> Iterator[Pacs]:
    server = Pacs()
    yield server
    server.close()


def test_objects_are_sent_once_and_again_only_if_they_changed(
    without: Path, settings: Settings, pacs: Pacs
) -> None:
    out = without
    assert dicom(out, destination=Destination(pacs.peer)) == 0
    assert sorted(ds.Modality for ds in pacs.stored) == ["KO", "OT", "SR"]
    assert {ds.SOPInstanceUID for ds in pacs.stored} == {
        dcmread(path).SOPInstanceUID for path in results(out).values()
    }
    assert dicom(out, destination=Destination(pacs.peer)) == 0
    assert len(pacs.stored) == 3
    reclassify(out, settings=changed(settings, "verdict", tumor_above=1.0, notumor_below=0.0))
    assert dicom(out, destination=Destination(pacs.peer)) == 0
    assert [ds.Modality for ds in pacs.stored[3:]] == ["SR"]


def test_objects_that_were_refused_are_rows_and_are_sent_by_the_next_run(
    without: Path, pacs: Pacs
) -> None:
    out = without
    pacs.refuse = True
    assert dicom(out, kinds=("sr",), destination=Destination(pacs.peer)) == 1
    rows = (out / "dicom" / "send_failures.csv").read_text().splitlines()
    assert len(rows) == 2 and "refused it (status 0xa700)" in rows[1]
    pacs.refuse = False
    assert dicom(out, kinds=("sr",), destination=Destination(pacs.peer)) == 0
    assert len(pacs.stored) == 1
    assert not (out / "dicom" / "send_failures.csv").exists()


def test_a_peer_that_does_not_answer_is_tried_three_times(tmp_path: Path, pacs: Pacs) -> None:
    peer = pacs.peer
    pacs.close()
    pauses: list[float] = []
    paths = [tmp_path / "a.dcm", tmp_path / "b.dcm"]
    outcomes = list(send(paths, peer, pause=pauses.append))
    assert [one.error for one in outcomes] == [f"no association with {peer}"] * 2
    assert pauses == [2.0, 4.0]  # not again for the second object


@pytest.mark.parametrize("text", ["PACS", "PACS@host", "@host:1", "PACS@host:0", "A" * 17 + "@h:1"])
def test_a_malformed_peer_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="AET@HOST:PORT"):
        Peer.parse(text)


def test_a_peer_is_parsed() -> None:
    assert Peer.parse("PACS@pacs.example:104") == ("PACS", "pacs.example", 104)
    assert Peer.parse("PACS@[::1]:104") == ("PACS", "::1", 104)
