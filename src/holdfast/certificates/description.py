"""
A certificate as the value that REST and the command line write as JSON.
"""

from datetime import datetime
from typing import Any

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.validity import status_of


def described(certificate: Certificate, now: datetime) -> dict[str, Any]:
    """Describe a certificate, with its status at the time *now*."""
    return {
        "status": status_of(certificate, now).value,
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
