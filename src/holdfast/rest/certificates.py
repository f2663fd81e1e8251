"""
Certificates and findings as JSON.
"""

from collections.abc import Iterable

from fastapi import UploadFile

from holdfast.certificates.findings.examination import Finding
from holdfast.certificates.formats import parsing
from holdfast.certificates.presented import Unreadable
from holdfast.rest import responses


def findings_of(findings: Iterable[Finding]) -> list[responses.Finding]:
    """Write findings."""
    return [
        {
            "code": finding.code,
            "severity": finding.severity,
            "message": finding.message,
            "remedy": finding.remedy,
            "fingerprint": finding.fingerprint,
        }
        for finding in findings
    ]


def describe_unreadable(certificate: Unreadable) -> responses.UnreadableCertificate:
    """Write a certificate that a backend presents and that can't be read."""
    return {
        "position": certificate.position,
        "fingerprint": certificate.fingerprint,
        "size": certificate.size,
        "reason": certificate.why,
    }


def read(upload: UploadFile) -> bytes:
    """Read an upload, one byte more than is allowed at most, so that the parser can see that it is too large."""
    return upload.file.read(parsing.MAX_BYTES + 1)
