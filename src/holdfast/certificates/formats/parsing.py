"""
Read certificates from uploaded bytes, or raise an error that says what is wrong and where.

The format is recognized by content, never by file name. All expensive work is bounded before it starts.
"""

import hashlib
from dataclasses import dataclass

from cryptography import x509

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.certificate_list import explain_error
from holdfast.certificates.errors import (
    EmptyUpload,
    NotACertificate,
    TooComplex,
    TooManyCertificates,
    UploadTooLarge,
)
from holdfast.certificates.formats import reading
from holdfast.certificates.formats.derivation import Work
from holdfast.certificates.formats.parts import MAX_CERTIFICATES, Contents, Part, SkippedPart
from holdfast.certificates.formats.reading import refuse_signing_request

__all__ = ["MAX_BYTES", "MAX_CERTIFICATES", "SkippedPart", "Upload", "UsedCertificate", "parse"]

MAX_BYTES = 1024 * 1024
MAX_CERTIFICATE_BYTES = 64 * 1024
MAX_ALL_CERTIFICATE_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class UsedCertificate:
    """A certificate that was used: *what* it is in the file, such as an alias, and its SHA-256 fingerprint."""

    what: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Upload:
    """
    The contents of an upload: the distinct certificates in order, and the ignored parts.

    *repeated* has every further occurrence of a certificate.
    """

    certificates: tuple[Certificate, ...]
    ignored: tuple[SkippedPart, ...]
    used: tuple[UsedCertificate, ...] = ()
    repeated: tuple[Certificate, ...] = ()


def parse(data: bytes, password: str | None = None, work: Work | None = None) -> Upload:
    """
    Read PEM (one or many, tolerating text between blocks), DER, PKCS#7, or a PKCS#12, JKS or JCEKS truststore.

    Only the last three use *password*; None and the empty password are the same. *work* derives keys with many rounds
    of hashing; without it, such files are refused.

    Raises:
        CertificateError: The upload has no usable certificate, or has a private key.
    """
    if not data.strip():
        raise EmptyUpload
    if len(data) > MAX_BYTES:
        raise UploadTooLarge(MAX_BYTES)
    return read_contents(reading.read(data, password, work or Work()))


def read_contents(contents: Contents) -> Upload:
    """Read the certificates in the parts of a file. Raises CertificateError."""
    if len(contents.parts) > MAX_CERTIFICATES:
        raise TooManyCertificates(len(contents.parts), MAX_CERTIFICATES)
    if not contents.parts:
        raise NotACertificate(f"{contents.kind} without a certificate", "Upload the backend's certificate.")
    certificates: dict[str, Certificate] = {}
    used_parts, duplicates = [], []
    size = 0
    for part in contents.parts:
        if (before := certificates.get(hashlib.sha256(part.der).hexdigest())) is not None:
            duplicates.append(before)
            contents.ignore(part.what, "It is a duplicate of an earlier certificate.")
            continue
        size += len(part.der)
        if size > MAX_ALL_CERTIFICATE_BYTES:
            raise TooComplex(f"its certificates exceed {MAX_ALL_CERTIFICATE_BYTES // 1024} KiB in total")
        certificate = _read_part(part)
        certificates[certificate.fingerprint] = certificate
        used_parts.append(UsedCertificate(part.what, certificate.fingerprint))
    return Upload(tuple(certificates.values()), tuple(contents.ignored), tuple(used_parts), tuple(duplicates))


def _read_part(part: Part) -> Certificate:
    if len(part.der) > MAX_CERTIFICATE_BYTES:
        what = part.what[0].lower() + part.what[1:]
        raise TooComplex(f"{what} is larger than {MAX_CERTIFICATE_BYTES // 1024} KiB")
    try:
        certificate = read_certificate(part.der)
    except ValueError as error:
        if _is_request(part.der):
            raise refuse_signing_request() from error
        raise part.make_error(explain_error(error)) from error
    if certificate.version == "V1" and certificate.extensions.count:
        # Envoy would reject it, along with everything else that is imported for the endpoint.
        raise part.make_error("it is version 1 but has extensions, which only version 3 may have")
    return certificate


def _is_request(data: bytes) -> bool:
    try:
        x509.load_der_x509_csr(data)
    except Exception:  # noqa: BLE001 - any exception means that it is not a request
        return False
    return True
