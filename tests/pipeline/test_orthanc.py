"""The loop scan → send to Orthanc → export of Orthanc → scan, with a real Orthanc."""

import json
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from batchmri.outputs.dicom.send import Peer
from batchmri.pipeline.commands.dicom_command import Destination, dicom
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed, uid, write_series
from tests.pipeline.outputs import table
from tests.pipeline.test_planted_model import Plant, plant

__all__ = ["plant"]
pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


class Orthanc:
    """An Orthanc on the loopback interface, with its storage in a folder."""

    def __init__(self, program: str, folder: Path) -> None:
        self._http, port = free_port(), free_port()
        self.peer = Peer("ORTHANC", "127.0.0.1", port)
        configuration = {
            "StorageDirectory": str(folder / "storage"),
            "IndexDirectory": str(folder / "storage"),
            "HttpPort": self._http,
            "DicomPort": port,
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowStore": True,
            "Plugins": [],
        }
        folder.mkdir()
        (folder / "orthanc.json").write_text(json.dumps(configuration))
        self._process = subprocess.Popen(
            [program, str(folder / "orthanc.json")],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:  # it says so when it is ready
            if "Orthanc has started" in line:
                return
        pytest.fail("Orthanc ended before it had started")

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._http}/{path}") as answer:
            content: bytes = answer.read()
            return content

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=60)


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("needs Orthanc, which is not here")
    server = Orthanc(program, tmp_path / "orthanc")
    yield server
    server.close()


def test_objects_are_stored_found_and_recognized_as_own_results(
    tmp_path: Path, settings: Settings, plant: Plant, orthanc: Orthanc
) -> None:
    plant(0)
    archive, out = tmp_path / "archive", tmp_path / "out"
    place = uid("frame of reference")
    write_series(archive, SeriesDescription="AX T1 +C", FrameOfReferenceUID=place)
    wanted = changed(settings, "report", dicom_results=("sr", "sc", "kos", "pm"))
    scan([archive], out=out, settings=wanted)
    written = {path.stem: dcmread(path) for path in out.glob("dicom/*/*/*.dcm")}
    assert len(written) == 4
    for _ in range(2):  # sending twice does not double them
        assert dicom(out, destination=Destination(orthanc.peer)) == 0

    (study,) = orthanc.json("studies?expand")
    assert study["MainDicomTags"]["StudyInstanceUID"] == uid("study")
    assert study["PatientMainDicomTags"]["PatientID"] == "id-study"
    found = orthanc.json("instances?expand")
    assert {one["MainDicomTags"]["SOPInstanceUID"] for one in found} == {
        str(ds.SOPInstanceUID) for ds in written.values()
    }
    series = {one["MainDicomTags"]["SeriesDescription"] for one in orthanc.json("series?expand")}
    assert series == {ds.SeriesDescription for ds in written.values()}

    for one in found:
        path = archive / "from-orthanc" / f"{one['ID']}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(orthanc.get(f"instances/{one['ID']}/file"))
    before = table(out, "slices")
    outcome = scan([archive], out=out, settings=wanted)
    assert (outcome.exit_code, dict(outcome.totals.changes)) == (0, {})
    assert table(out, "slices") == before
    own = [row for row in table(out, "series") if row["reason"] == "own_result"]
    assert len(own) == 4
    assert dicom(out, destination=Destination(orthanc.peer)) == 0
    assert len(orthanc.json("instances")) == 4
