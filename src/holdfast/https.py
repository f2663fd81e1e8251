"""
The publisher's own certificate: read, checked, and read again when its files change.
"""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cryptography import x509

from holdfast.machine import CannotStart

log = structlog.get_logger()
LOOK_AGAIN = 60.0  # seconds
MAX_FILE = 1024 * 1024  # bytes


class UnusableCertificate(ValueError):
    """With these files nothing can be served; the text says which, why, and what to do."""


class ServerCertificate:
    """What the publisher presents; connections that are open keep what they began with."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read both files. Raises CannotStart."""
        self._certificate, self._key = certificate.expanduser(), key.expanduser()
        self._seen = self._state()
        try:
            self._current = self.context = load(self._certificate, self._key)
        except UnusableCertificate as error:
            raise CannotStart(str(error)) from error
        # One context listens; each connection is handed to the one that was read last.
        self.context.sni_callback = self._hand_over

    def read_again(self) -> None:
        """Present from now on what the files hold; what cannot be used is logged, and what was before stays."""
        self._seen = self._state()
        try:
            self._current = load(self._certificate, self._key)
        except UnusableCertificate as error:
            log.error("certificate of the publisher not replaced", why=str(error))
        else:
            log.info("certificate of the publisher read again", file=str(self._certificate))

    async def watch(self, every: float = LOOK_AGAIN) -> None:
        """Read the files again when they have changed, looked at *every* so many seconds, until cancelled."""
        while True:
            await asyncio.sleep(every)
            if self._state() != self._seen:
                self.read_again()

    def _hand_over(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        del name, context
        connection.context = self._current

    def _state(self) -> list[tuple[int, int, int] | None]:
        return [_state(self._certificate), _state(self._key)]


def load(certificate: Path, key: Path, now: datetime | None = None) -> ssl.SSLContext:
    """
    Make the TLS side of the publisher: TLS 1.2 and 1.3, *certificate* a chain in PEM, its own first.

    Raises:
        UnusableCertificate: A file cannot be read or holds something else, the two do not belong together, the key
            is encrypted, or the certificate does not hold now.
    """
    own = read_own(certificate)
    now = now or datetime.now(UTC)
    if now > own.not_valid_after_utc:
        raise UnusableCertificate(
            f"The certificate in {certificate} has expired on {own.not_valid_after_utc:%Y-%m-%d}. Renew it."
        )
    if now < own.not_valid_before_utc:
        raise UnusableCertificate(
            f"The certificate in {certificate} is not valid before {own.not_valid_before_utc:%Y-%m-%d %H:%M} UTC. "
            "Look at the clock of this machine."
        )
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


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise UnusableCertificate(f"There is no file {path}. Correct --tls-cert and --tls-key.")
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
