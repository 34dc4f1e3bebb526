"""Sending over TLS: certificates of both sides are verified, and errors are one line."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from pydicom import Dataset
from pynetdicom import AE, evt

from batchmri.errors import UsageError
from batchmri.outputs.dicom.report import structured_report
from batchmri.outputs.dicom.send import Peer, Tls, send, storage_classes
from tests.outputs.dicom.facts import study
from tests.outputs.dicom.validity import program, save


class Identity(NamedTuple):
    """A private key and its self-signed certificate."""

    key: Path
    certificate: Path


def identity(folder: Path, name: str) -> Identity:
    """A new identity for 127.0.0.1."""
    made = Identity(folder / f"{name}.key", folder / f"{name}.pem")
    subprocess.run(
        [
            program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", made.key, "-out", made.certificate,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return made


class SecurePacs:
    """A peer with TLS, which requires a certificate of the sender: that of `trusted`."""

    def __init__(self, own: Identity, trusted: Identity) -> None:
        self.stored: list[Dataset] = []
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=trusted.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(own.certificate, own.key)
        ae = AE(ae_title="PACS")
        for uid in storage_classes():
            ae.add_supported_context(uid)
        self._server = ae.start_server(
            ("127.0.0.1", 0),
            block=False,
            ssl_context=context,
            evt_handlers=[(evt.EVT_C_STORE, self._store)],
        )
        self.peer = Peer("PACS", "127.0.0.1", self._server.socket.getsockname()[1])

    def _store(self, event: evt.Event) -> int:
        self.stored.append(event.dataset)
        return 0

    def close(self) -> None:
        self._server.shutdown()


@pytest.fixture(scope="module")
def pacs_identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("pacs"), "pacs")


@pytest.fixture(scope="module")
def own_identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return identity(tmp_path_factory.mktemp("own"), "batchmri")


@pytest.fixture
def pacs(pacs_identity: Identity, own_identity: Identity) -> Iterator[SecurePacs]:
    server = SecurePacs(pacs_identity, own_identity)
    yield server
    server.close()


def errors(tmp_path: Path, peer: Peer, tls: Tls | None) -> list[str]:
    path = save(structured_report(study()), tmp_path / "sr.dcm")
    return [one.error for one in send([path], peer, tls=tls, pause=lambda _: None)]


def test_an_object_is_stored_if_both_sides_trust_each_other(
    tmp_path: Path, pacs: SecurePacs, pacs_identity: Identity, own_identity: Identity
) -> None:
    tls = Tls(pacs_identity.certificate, own_identity.certificate, own_identity.key)
    assert errors(tmp_path, pacs.peer, tls) == [""]
    (stored,) = pacs.stored
    assert stored.SOPInstanceUID == structured_report(study()).SOPInstanceUID


@pytest.mark.parametrize("wrong", ["ca", "certificate", "none", "no TLS"])
def test_a_wrong_certificate_is_one_line_without_traceback(
    tmp_path: Path,
    pacs: SecurePacs,
    pacs_identity: Identity,
    own_identity: Identity,
    capfd: pytest.CaptureFixture[str],
    wrong: str,
) -> None:
    stranger = identity(tmp_path, "stranger")
    tls = {
        "ca": Tls(stranger.certificate, own_identity.certificate, own_identity.key),
        "certificate": Tls(pacs_identity.certificate, stranger.certificate, stranger.key),
        "none": Tls(pacs_identity.certificate),
        "no TLS": None,
    }[wrong]
    (error,) = errors(tmp_path, pacs.peer, tls)
    assert str(pacs.peer) in error and "\n" not in error
    if tls is not None:
        assert "TLS" in error
    assert pacs.stored == []
    assert "Traceback" not in capfd.readouterr().err


def test_files_that_cannot_be_used_are_named(tmp_path: Path, own_identity: Identity) -> None:
    peer = Peer("PACS", "127.0.0.1", 1)
    (broken := tmp_path / "broken.pem").write_text("no certificate")
    for tls, name in (
        (Tls(tmp_path / "absent.pem"), "absent.pem"),
        (Tls(broken), "broken.pem"),
        (Tls(certificate=broken, key=own_identity.key), "broken.pem"),
        (Tls(key=own_identity.key), "--tls-cert"),
    ):
        with pytest.raises(UsageError, match=name):
            list(send([], peer, tls=tls))
