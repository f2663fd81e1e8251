"""
Bytes that somebody uploaded -> certificates, or an error that says what is wrong and where.

The content decides which format it is, never a file name. Nothing that takes long is done before it is bounded.
"""

import hashlib
from dataclasses import dataclass

from cryptography import x509

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.errors import (
    EmptyUpload,
    NotACertificate,
    TooComplex,
    TooManyCertificates,
    UploadTooLarge,
)
from holdfast.certificates.formats import reading
from holdfast.certificates.formats.derivation import Work
from holdfast.certificates.formats.parts import MAX_CERTIFICATES, Contents, Ignored, Part
from holdfast.certificates.formats.reading import signing_request
from holdfast.certificates.presented import explain_error

__all__ = ["MAX_BYTES", "MAX_CERTIFICATES", "Ignored", "Upload", "Used", "parse"]

MAX_BYTES = 1024 * 1024
MAX_CERTIFICATE_BYTES = 64 * 1024
MAX_ALL_CERTIFICATE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Used:
    """A certificate that was used: *what* it is in the file, for instance an alias, and its SHA-256 fingerprint."""

    what: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Upload:
    """
    What was found in an upload: the certificates in their order, each once, and what was left out.

    *repeated* are those that came again, each as often as it did.
    """

    certificates: tuple[Certificate, ...]
    ignored: tuple[Ignored, ...]
    used: tuple[Used, ...] = ()
    repeated: tuple[Certificate, ...] = ()


def parse(data: bytes, password: str | None = None, work: Work | None = None) -> Upload:
    """
    Read PEM (one or many, text between blocks tolerated), DER, PKCS#7, or a PKCS#12, JKS or JCEKS truststore.

    *password* is of use only for the last three; none and the empty one are the same. *work* says where keys with many
    rounds of hashing are derived; without it, such files are refused.

    Raises:
        CertificateError: Nothing can be used, or the upload holds what must never be uploaded.
    """
    if not data.strip():
        raise EmptyUpload
    if len(data) > MAX_BYTES:
        raise UploadTooLarge(MAX_BYTES)
    return look_into(reading.read(data, password, work or Work()))


def look_into(contents: Contents) -> Upload:
    """Read the certificates that were found in a file. Raises CertificateError."""
    if len(contents.parts) > MAX_CERTIFICATES:
        raise TooManyCertificates(len(contents.parts), MAX_CERTIFICATES)
    if not contents.parts:
        raise NotACertificate(f"{contents.kind} without a certificate", "Upload the backend's certificate.")
    certificates: dict[str, Certificate] = {}
    used, repeated = [], []
    size = 0
    for part in contents.parts:
        if (before := certificates.get(hashlib.sha256(part.der).hexdigest())) is not None:
            repeated.append(before)
            contents.ignore(part.what, "It is the same certificate as one before it.")
            continue
        size += len(part.der)
        if size > MAX_ALL_CERTIFICATE_BYTES:
            raise TooComplex(f"its certificates are larger than {MAX_ALL_CERTIFICATE_BYTES // 1024} KiB together")
        certificate = _read_part(part)
        certificates[certificate.fingerprint] = certificate
        used.append(Used(part.what, certificate.fingerprint))
    return Upload(tuple(certificates.values()), tuple(contents.ignored), tuple(used), tuple(repeated))


def _read_part(part: Part) -> Certificate:
    if len(part.der) > MAX_CERTIFICATE_BYTES:
        raise TooComplex(f"{part.what} is larger than {MAX_CERTIFICATE_BYTES // 1024} KiB")
    try:
        certificate = read_certificate(part.der)
    except ValueError as error:
        if _is_request(part.der):
            raise signing_request() from error
        raise part.malformed(explain_error(error)) from error
    if certificate.version == "V1" and certificate.extensions.count:
        # Envoy would refuse it, and with it all that is imported for the same endpoint.
        raise part.malformed("it is of version 1 and has extensions, which only version 3 may have")
    return certificate


def _is_request(data: bytes) -> bool:
    try:
        x509.load_der_x509_csr(data)
    except Exception:  # noqa: BLE001 - whatever it is, it is not a request
        return False
    return True
