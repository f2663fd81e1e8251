"""
Certificates and findings as JSON.
"""

from collections.abc import Iterable

from fastapi import UploadFile

from holdfast.certificates import parsing
from holdfast.certificates.findings import Finding


def findings_of(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Write findings."""
    return [
        {
            "code": finding.code,
            "severity": finding.severity.value,
            "message": finding.message,
            "remedy": finding.remedy,
            "fingerprint": finding.fingerprint,
        }
        for finding in findings
    ]


def read(upload: UploadFile) -> bytes:
    """Read an upload, one byte more than is allowed at most, so that the parser can see that it is too large."""
    return upload.file.read(parsing.MAX_BYTES + 1)
