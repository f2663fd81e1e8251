"""
A server's certificate and its key, as two files hold them: read and checked.
"""

import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from cryptography import x509

from holdfast.certificates.errors import CertificateError
from holdfast.certificates.formats.credentials import Credential, read_credential

T = TypeVar("T")
MAX_FILE = 1024 * 1024  # bytes


class UnusableCertificate(ValueError):
    """With these files nothing can be served; the text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Loaded(Generic[T]):
    """What was made of two files, and when the certificate is valid."""

    identity: bytes  # of certificate and key: what is read again unchanged isn't another one
    content: T
    not_before: datetime
    not_after: datetime


def load_for_gateway(certificate: Path, key: Path) -> Loaded[Credential]:
    """
    Read what gateways present to callers: chain and key, as Envoy loads them, whether or not it is valid now.

    Raises:
        UnusableCertificate: A file cannot be read or holds something else, the two do not belong together, or the key
            is encrypted.
    """
    options = ("--gateway-tls-cert", "--gateway-tls-key")
    contents = _read(certificate, options), _read(key, options)
    try:
        credential = read_credential(contents[0], None, contents[1])
    except CertificateError as error:
        raise UnusableCertificate(f"{certificate} and {key} cannot be used by a gateway. {error}") from error
    own = credential.chain[0]
    return Loaded(_identity(*contents), credential, own.not_before, own.not_after)


def load(certificate: Path, key: Path) -> Loaded[ssl.SSLContext]:
    """
    Make the TLS side of the publisher: *certificate* is a chain in PEM, its own first, whether or not it is valid now.

    Raises:
        UnusableCertificate: A file cannot be read or holds something else, the two do not belong together, or the key
            is encrypted.
    """
    own, contents = read_own(certificate), (_read(certificate), _read(key))
    if b"PRIVATE KEY-----" not in contents[1]:
        raise UnusableCertificate(f"{key} holds no private key in PEM. Name another file with --tls-key.")
    context = new_context()
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
    return Loaded(_identity(*contents), context, own.not_valid_before_utc, own.not_valid_after_utc)


def wrong_time(certificate: Path, loaded: Loaded[T], now: datetime) -> str:
    """Say that a certificate isn't valid at *now*, and what to do; empty if it is."""
    if now > loaded.not_after:
        return f"The certificate in {certificate} has expired on {loaded.not_after:%Y-%m-%d}. Renew it."
    if now < loaded.not_before:
        return (
            f"The certificate in {certificate} is not valid before {loaded.not_before:%Y-%m-%d %H:%M} UTC. "
            "Look at the clock of this machine."
        )
    return ""


def new_context() -> ssl.SSLContext:
    """Make a context for TLS 1.2 and 1.3 that has no certificate yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _identity(certificate: bytes, key: bytes) -> bytes:
    return hashlib.sha256(certificate + b"\0" + key).digest()


def read_own(certificate: Path) -> x509.Certificate:
    """Read the first certificate of a file in PEM. Raises UnusableCertificate."""
    content = _read(certificate)
    try:
        return x509.load_pem_x509_certificates(content)[0]
    except ValueError:
        raise UnusableCertificate(
            f"{certificate} holds no certificates in PEM. Name another file with --tls-cert."
        ) from None


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
