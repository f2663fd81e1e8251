"""
Reading and checking a server's certificate and private key from two files.
"""

import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from holdfast.certificates.errors import CertificateError
from holdfast.certificates.formats.credentials import Credential, read_credential

T = TypeVar("T")
MAX_FILE = 1024 * 1024  # bytes


class UnusableCertificate(ValueError):
    """Files that can't be used for TLS; the text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class LoadedFiles(Generic[T]):
    """The content of two files, and the validity period of the certificate."""

    identity: bytes  # a hash of both files, to notice changes
    content: T
    not_before: datetime
    not_after: datetime
    spki_fingerprint: str  # SHA-256 of the SubjectPublicKeyInfo, lower-case hex


def load_for_gateway(certificate: Path, key: Path, options: tuple[str, str]) -> LoadedFiles[Credential]:
    """
    Load the chain and key that gateways present to callers, as Envoy loads them, whether or not they are valid now.

    *options* are those of the command that name the files.

    Raises:
        UnusableCertificate: A file can't be read or contains something else, the key doesn't match the certificate, or
            it is encrypted.
    """
    contents = _read(certificate, options), _read(key, options)
    try:
        credential = read_credential(contents[0], None, contents[1])
    except CertificateError as error:
        raise UnusableCertificate(f"The gateway can't use {certificate} and {key}. {error}") from error
    own = credential.chain[0]
    return LoadedFiles(_compute_identity(*contents), credential, own.not_before, own.not_after, own.spki_fingerprint)


def load(certificate: Path, key: Path) -> LoadedFiles[ssl.SSLContext]:
    """
    Load the publisher's TLS context. *certificate* is a chain in PEM, leaf first, whether or not it is valid now.

    Raises:
        UnusableCertificate: A file can't be read or contains something else, the key doesn't match the certificate, or
            it is encrypted.
    """
    own, contents = read_own(certificate), (_read(certificate), _read(key))
    if b"PRIVATE KEY-----" not in contents[1]:
        raise UnusableCertificate(f"{key} doesn't contain a private key in PEM. Choose another file with --tls-key.")
    context = make_context()
    try:
        context.load_cert_chain(certificate, key, password=_refuse_password)
    except _KeyEncrypted:
        raise UnusableCertificate(
            f"The private key in {key} is encrypted. Store it without a password, with mode 0600."
        ) from None
    except (ssl.SSLError, OSError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            text = (
                f"The private key in {key} doesn't match the first certificate in {certificate}. "
                "Correct --tls-cert or --tls-key."
            )
        else:
            text = f"{certificate} and {key} can't be used: {getattr(error, 'reason', None) or error}."
        raise UnusableCertificate(text) from None
    spki = own.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = hashlib.sha256(spki).hexdigest()
    return LoadedFiles(
        _compute_identity(*contents), context, own.not_valid_before_utc, own.not_valid_after_utc, fingerprint
    )


def explain_time(certificate: Path, content: LoadedFiles[T], now: datetime) -> str:
    """Return a message if the certificate isn't valid at *now*; empty if it is."""
    if now > content.not_after:
        return f"The certificate in {certificate} expired on {content.not_after:%Y-%m-%d}. Renew it."
    if now < content.not_before:
        return (
            f"The certificate in {certificate} isn't valid before {content.not_before:%Y-%m-%d %H:%M} UTC. "
            "Check this machine's clock."
        )
    return ""


def make_context() -> ssl.SSLContext:
    """Create a context for TLS 1.2 and 1.3, without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _compute_identity(certificate: bytes, key: bytes) -> bytes:
    return hashlib.sha256(certificate + b"\0" + key).digest()


def read_own(certificate: Path) -> x509.Certificate:
    """Return the first certificate of a PEM file. Raises UnusableCertificate."""
    content = _read(certificate)
    try:
        return x509.load_pem_x509_certificates(content)[0]
    except ValueError:
        raise UnusableCertificate(
            f"{certificate} doesn't contain certificates in PEM. Choose another file with --tls-cert."
        ) from None


def _read(path: Path, options: tuple[str, str] = ("--tls-cert", "--tls-key")) -> bytes:
    try:
        if not path.is_file():
            raise UnusableCertificate(f"File not found: {path}. Correct {' and '.join(options)}.")
        with path.open("rb") as file:
            return file.read(MAX_FILE)
    except OSError as error:
        raise UnusableCertificate(
            f"Can't read {path}: {error.strerror}. Make it readable for the user that runs Holdfast."
        ) from error


class _KeyEncrypted(Exception):
    """The key needs a password."""


def _refuse_password() -> str:
    raise _KeyEncrypted
