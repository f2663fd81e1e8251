"""
Bytes that somebody uploaded -> certificates, or an error that says what is wrong and where.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_private_key

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.errors import (
    EmptyUpload,
    MalformedCertificate,
    NotACertificate,
    PrivateKeyRefused,
    TooManyCertificates,
    UploadTooLarge,
)

MAX_BYTES = 1024 * 1024
MAX_CERTIFICATES = 100

# RFC 7468 labels; the second and third are what OpenSSL also writes.
_CERTIFICATE_LABELS = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,64})-----")
_KEY_REMEDY = "Export the certificate alone: openssl pkcs12 -in FILE -nokeys -out certificate.pem"


@dataclass(frozen=True, slots=True)
class Ignored:
    """A part of the upload that was not used: *what* it is and *why* it was left out."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Upload:
    """What was found in an upload: the certificates in their order, each once, and what was left out."""

    certificates: tuple[Certificate, ...]
    ignored: tuple[Ignored, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    number: int
    label: str
    body: bytes | None  # None: no END line


def parse(data: bytes) -> Upload:
    """
    Read PEM (one or many, text between blocks tolerated) or DER.

    Raises:
        CertificateError: Nothing can be used, or the upload holds what must never be uploaded.
    """
    if not data.strip():
        raise EmptyUpload
    if len(data) > MAX_BYTES:
        raise UploadTooLarge(MAX_BYTES)
    blocks = list(_pem_blocks(data))
    return _parse_pem(blocks) if blocks else _parse_der(data)


def _pem_blocks(data: bytes) -> Iterable[_Block]:
    begins = list(_BEGIN.finditer(data))
    for number, begin in enumerate(begins, start=1):
        label = begin[1]
        stop = begins[number].start() if number < len(begins) else len(data)
        end = data.find(b"-----END " + label + b"-----", begin.end(), stop)
        yield _Block(number, label.decode(), data[begin.end() : end] if end >= 0 else None)


def _parse_pem(blocks: list[_Block]) -> Upload:
    # Keys are looked for first, so that a broken certificate never hides one.
    for block in blocks:
        if block.label.endswith("PRIVATE KEY"):
            raise PrivateKeyRefused(block.number, len(blocks))
    certificate_blocks = [b for b in blocks if b.label in _CERTIFICATE_LABELS]
    if len(certificate_blocks) > MAX_CERTIFICATES:
        raise TooManyCertificates(len(certificate_blocks), MAX_CERTIFICATES)
    if not certificate_blocks:
        raise _no_certificate(blocks[0].label)
    certificates: dict[str, Certificate] = {}
    ignored = [
        Ignored(f"Block {b.number} ({b.label})", "It is not a certificate.")
        for b in blocks
        if b.label not in _CERTIFICATE_LABELS
    ]
    for block in certificate_blocks:
        certificate = _read_block(block, len(blocks))
        if certificate.fingerprint in certificates:
            ignored.append(Ignored(f"Block {block.number}", "It is the same certificate as one before it."))
        certificates.setdefault(certificate.fingerprint, certificate)
    return Upload(tuple(certificates.values()), tuple(ignored))


def _no_certificate(label: str) -> NotACertificate:
    if label.endswith("CERTIFICATE REQUEST"):
        return NotACertificate(
            "a certificate signing request (CSR)", "Upload the certificate that the CA made from it."
        )
    if label == "PKCS7":
        return NotACertificate(
            "a PKCS#7 file",
            "Convert it to PEM: openssl pkcs7 -print_certs -in FILE -out certificate.pem",
        )
    return NotACertificate(f"a PEM file without a certificate ({label})", "Upload the backend's certificate.")


def _read_block(block: _Block, blocks: int) -> Certificate:
    if block.body is None:
        raise MalformedCertificate(block.number, blocks, "its END line is missing, the file seems to be cut off")
    try:
        der = base64.b64decode(b"".join(block.body.split()), validate=True)
    except binascii.Error as error:
        raise MalformedCertificate(block.number, blocks, "its base64 is damaged") from error
    if block.label == "TRUSTED CERTIFICATE":
        der = _first_element(der)  # OpenSSL appends its own trust settings
    try:
        return read_certificate(der)
    except ValueError as error:
        raise MalformedCertificate(block.number, blocks, "its content is no X.509 certificate") from error


def _first_element(der: bytes) -> bytes:
    """Cut off what follows the first DER element (X.690, section 8.1.3)."""
    if len(der) < 2 or der[1] < 0x80:
        return der[: 2 + der[1]] if len(der) >= 2 else der
    octets = der[1] & 0x7F
    return der[: 2 + octets + int.from_bytes(der[2 : 2 + octets], "big")]


def _parse_der(data: bytes) -> Upload:
    try:
        return Upload((read_certificate(data),), ())
    except ValueError as error:
        raise _why_not_der(data) from error


def _why_not_der(data: bytes) -> Exception:
    if data[:4] in (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"):
        return NotACertificate(
            "a Java keystore (JKS)",
            "Export the certificate: keytool -exportcert -rfc -alias ALIAS -keystore FILE -file certificate.pem",
        )
    if data[:1] != b"\x30":
        return NotACertificate(
            "not a certificate",
            "Choose a PEM file (-----BEGIN CERTIFICATE-----) or a DER file (.cer, .crt, .der).",
        )
    if _is_private_key(data):
        return PrivateKeyRefused(1, 1)
    if _is_request(data):
        return _no_certificate("CERTIFICATE REQUEST")
    if data[2:].find(b"\x2a\x86\x48\x86\xf7\x0d\x01\x07", 0, 32) >= 0:  # OID arc pkcs-7, also inside PKCS#12
        return NotACertificate("a PKCS#7 or PKCS#12 file", f"It is not a single certificate. {_KEY_REMEDY}")
    return MalformedCertificate(1, 1, "its content is no X.509 certificate, the file seems to be cut off or damaged")


def _is_private_key(data: bytes) -> bool:
    try:
        load_der_private_key(data, None)
    except TypeError:
        return True  # encrypted
    except Exception:  # noqa: BLE001 - whatever it is, it is not a key that we know
        return False
    return True


def _is_request(data: bytes) -> bool:
    try:
        x509.load_der_x509_csr(data)
    except Exception:  # noqa: BLE001 - whatever it is, it is not a request
        return False
    return True
