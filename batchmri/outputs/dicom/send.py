"""Sending of DICOM objects to a peer with C-STORE."""

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association

from batchmri.errors import UsageError
from batchmri.extensions import DICOM_OBJECTS

CALLING_TITLE = "BATCHMRI"
MAX_ATTEMPTS = 3  # per object
_PAUSE_S = 2.0
_TIMEOUT_S = 30.0
_MAX_TITLE = 16


class Peer(NamedTuple):
    """The receiver of objects."""

    title: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `AET@HOST:PORT`. Raises UsageError."""
        title, at, address = text.partition("@")
        host, colon, port = address.rpartition(":")
        good = title and at and host and colon and port.isascii() and port.isdigit()
        if not good or len(title) > _MAX_TITLE or not 0 < int(port) < 65536:
            raise UsageError(f"--send {text}: not AET@HOST:PORT, such as PACS@192.0.2.7:104")
        return cls(title, host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"{self.title}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS settings: `ca` verifies the peer; `certificate` and `key` identify this program."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """The SSL context. Raises UsageError if a file cannot be used."""
        if self.key and not self.certificate:
            raise UsageError("--tls-key needs --tls-cert: name the certificate of this key")
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            names = ", ".join(str(p) for p in (self.ca, self.certificate, self.key) if p)
            raise UsageError(f"{names}: cannot be used for TLS ({error.args[-1]})") from None
        return context


class Sent(NamedTuple):
    """The outcome for one object: `error` is empty if the peer stored it."""

    path: Path
    error: str


def send(
    paths: Iterable[Path],
    peer: Peer,
    *,
    title: str = CALLING_TITLE,
    tls: Tls | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Sent]:
    """Send objects one after the other, and yield the outcome of each.

    An object is attempted up to `MAX_ATTEMPTS` times if the association cannot be established or is
    lost. After that, the remaining objects are reported as failed. An object that the peer refuses
    is not attempted again. Raises UsageError for unusable TLS files.
    """
    connection = _Connection(peer, title, tls.context() if tls else None, pause)
    with connection:
        for path in paths:
            yield Sent(path, connection.store(path))


def storage_classes() -> tuple[str, ...]:
    """The SOP class of each kind of object."""
    return tuple(DICOM_OBJECTS.load(name).sop_class for name in DICOM_OBJECTS.names())


class _Connection:
    """An association that is established when needed."""

    def __init__(
        self,
        peer: Peer,
        title: str,
        context: ssl.SSLContext | None,
        pause: Callable[[float], None],
    ) -> None:
        self._peer, self._pause = peer, pause
        self._tls = (context, peer.host) if context else None
        self._hint = " over TLS (check --tls-ca, --tls-cert and --tls-key)" if context else ""
        self._ae = AE(ae_title=title)
        self._ae.connection_timeout = self._ae.acse_timeout = _TIMEOUT_S
        self._ae.dimse_timeout = self._ae.network_timeout = _TIMEOUT_S
        for uid in storage_classes():
            self._ae.add_requested_context(uid, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        self._association: Association | None = None
        self._dead = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._association is not None and self._association.is_established:
            self._association.release()

    def store(self, path: Path) -> str:
        """Send one object; returns what went wrong, or an empty text."""
        error = self._dead
        for number in range(0 if error else MAX_ATTEMPTS):
            if number:
                self._pause(_PAUSE_S * number)
            association = self._established()
            if association is None:
                error = f"no association with {self._peer}{self._hint}"
                continue
            try:
                status = association.send_c_store(dcmread(path))
            except (ValueError, RuntimeError, OSError) as problem:
                return f"{self._peer} does not accept it ({problem})".replace("\n", " ")
            if "Status" in status:
                return _explained(self._peer, int(status.Status))
            error = f"the connection to {self._peer} was lost"
        if self._association is None or not self._association.is_established:
            self._dead = error
        return error

    def _established(self) -> Association | None:
        if self._association is None or not self._association.is_established:
            self._association = self._ae.associate(
                self._peer.host,
                self._peer.port,
                ae_title=self._peer.title,
                tls_args=self._tls,
            )
        return self._association if self._association.is_established else None


def _explained(peer: Peer, status: int) -> str:
    # 0xBxxx: stored with a warning (PS3.4 B.2.3).
    if status == 0 or status >> 12 == 0xB:
        return ""
    return f"{peer} refused it (status 0x{status:04x})"
