"""
What the publisher and the gateways present: read, checked, and read again when the files change.
"""

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

import structlog
from cryptography import x509

from holdfast.certificates.credentials import Credential, read_credential
from holdfast.certificates.errors import CertificateError
from holdfast.machine import CannotStart

log = structlog.get_logger()
T = TypeVar("T")
LOOK_AGAIN = 60.0  # seconds
MAX_FILE = 1024 * 1024  # bytes


class UnusableCertificate(ValueError):
    """With these files nothing can be served; the text says which, why, and what to do."""


class ReadCertificate(ABC, Generic[T]):
    """A certificate and its key in two files, and what was made of them last."""

    whose: str

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read both files. Raises CannotStart."""
        self._certificate, self._key = certificate.expanduser(), key.expanduser()
        self._seen = self._state()
        try:
            self.current = self._load(self._certificate, self._key)
        except UnusableCertificate as error:
            raise CannotStart(str(error)) from error

    @abstractmethod
    def _load(self, certificate: Path, key: Path) -> T:
        """Read what the files hold. Raises UnusableCertificate."""

    def read_again(self) -> None:
        """Present from now on what the files hold; what cannot be used is logged, and what was before stays."""
        self._seen = self._state()
        try:
            self.current = self._load(self._certificate, self._key)
        except UnusableCertificate as error:
            log.error(f"certificate of the {self.whose} not replaced", why=str(error))
        else:
            log.info(f"certificate of the {self.whose} read again", file=str(self._certificate))
            self._replaced()

    def _replaced(self) -> None:
        """Another certificate is the current one."""

    async def watch(self, every: float = LOOK_AGAIN) -> None:
        """Read the files again when they have changed, looked at *every* so many seconds, until cancelled."""
        while True:
            await asyncio.sleep(every)
            if self._state() != self._seen:
                self.read_again()

    def _state(self) -> list[tuple[int, int, int] | None]:
        return [_state(self._certificate), _state(self._key)]


class ServerCertificate(ReadCertificate[ssl.SSLContext]):
    """What the publisher presents; connections that are open keep what they began with."""

    whose = "publisher"

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read both files. Raises CannotStart."""
        super().__init__(certificate, key)
        # One context listens; each connection is handed to the one that was read last.
        self.context = self.current
        self.context.sni_callback = self._hand_over

    def _load(self, certificate: Path, key: Path) -> ssl.SSLContext:
        return load(certificate, key)

    def _hand_over(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        del name, context
        connection.context = self.current


class GatewayCertificate(ReadCertificate[Credential]):
    """What gateways present to callers; connections that are open keep what they began with."""

    whose = "gateway"
    on_change: Callable[[Credential], None] | None = None

    def _load(self, certificate: Path, key: Path) -> Credential:
        return load_for_gateway(certificate, key)

    def _replaced(self) -> None:
        if self.on_change:
            self.on_change(self.current)


def load_for_gateway(certificate: Path, key: Path, now: datetime | None = None) -> Credential:
    """
    Read what gateways present to callers: chain and key, as Envoy loads them.

    Raises:
        UnusableCertificate: A file cannot be read or holds something else, the two do not belong together, the key
            is encrypted, or the certificate does not hold now.
    """
    options = ("--gateway-tls-cert", "--gateway-tls-key")
    try:
        found = read_credential(_read(certificate, options), None, _read(key, options))
    except CertificateError as error:
        raise UnusableCertificate(f"{certificate} and {key} cannot be used by a gateway. {error}") from error
    _refuse_wrong_time(certificate, found.chain[0].not_before, found.chain[0].not_after, now or datetime.now(UTC))
    return found


def load(certificate: Path, key: Path, now: datetime | None = None) -> ssl.SSLContext:
    """
    Make the TLS side of the publisher: TLS 1.2 and 1.3, *certificate* a chain in PEM, its own first.

    Raises:
        UnusableCertificate: A file cannot be read or holds something else, the two do not belong together, the key
            is encrypted, or the certificate does not hold now.
    """
    own = read_own(certificate)
    _refuse_wrong_time(certificate, own.not_valid_before_utc, own.not_valid_after_utc, now or datetime.now(UTC))
    if b"PRIVATE KEY-----" not in _read(key):
        raise UnusableCertificate(f"{key} holds no private key in PEM. Name another file with --tls-key.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except _Encrypted:
        raise UnusableCertificate(
            f"The key in {key} is encrypted, and nobody is there to type its password. Store it without one, mode 0600."
        ) from None
    except (ssl.SSLError, OSError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            text = f"The key in {key} is not that of the certificate that stands first in {certificate}. Name its own."
        else:
            text = f"{certificate} and {key} cannot be used ({getattr(error, 'reason', None) or error})."
        raise UnusableCertificate(text) from None
    return context


def read_own(certificate: Path) -> x509.Certificate:
    """Read the first certificate of a file in PEM. Raises UnusableCertificate."""
    content = _read(certificate)
    try:
        return x509.load_pem_x509_certificates(content)[0]
    except ValueError:
        raise UnusableCertificate(
            f"{certificate} holds no certificates in PEM. Name another file with --tls-cert."
        ) from None


def _refuse_wrong_time(certificate: Path, begin: datetime, end: datetime, now: datetime) -> None:
    if now > end:
        raise UnusableCertificate(f"The certificate in {certificate} has expired on {end:%Y-%m-%d}. Renew it.")
    if now < begin:
        raise UnusableCertificate(
            f"The certificate in {certificate} is not valid before {begin:%Y-%m-%d %H:%M} UTC. "
            "Look at the clock of this machine."
        )


def _read(path: Path, options: tuple[str, str] = ("--tls-cert", "--tls-key")) -> bytes:
    try:
        if not path.is_file():
            raise UnusableCertificate(f"There is no file {path}. Correct {' and '.join(options)}.")
        with path.open("rb") as opened:
            return opened.read(MAX_FILE)
    except OSError as error:
        raise UnusableCertificate(
            f"{path} cannot be read ({error.strerror}). Let the user of Holdfast read it."
        ) from error


class _Encrypted(Exception):
    """A password is asked for."""


def _no_password() -> str:
    raise _Encrypted


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
