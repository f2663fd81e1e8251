"""
A certificate as the value that REST and the command line write as JSON.
"""

from datetime import datetime

from typing_extensions import TypedDict

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.validity import Status, status_of

# `from` is no name in Python.
Validity = TypedDict("Validity", {"from": str, "to": str})


class CertificateDescription(TypedDict):
    """A certificate; times are those of RFC 3339, `fingerprint` is the SHA-256 of its DER."""

    status: Status
    subject: str
    issuer: str
    serialNumber: str
    validity: Validity
    version: str
    subjectAltNames: list[str]
    fingerprint: str
    key: str
    signatureAlgorithm: str
    isCa: bool


def described(certificate: Certificate, now: datetime) -> CertificateDescription:
    """Describe a certificate, with its status at the time *now*."""
    return {
        "status": status_of(certificate, now),
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serialNumber": f"{certificate.serial_number:x}",
        "validity": {"from": certificate.not_before.isoformat(), "to": certificate.not_after.isoformat()},
        "version": certificate.version,
        "subjectAltNames": list(certificate.subject_alt_names),
        "fingerprint": certificate.fingerprint,
        "key": str(certificate.public_key),
        "signatureAlgorithm": certificate.signature_algorithm,
        "isCa": certificate.is_ca,
    }
