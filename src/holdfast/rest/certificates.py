"""
Certificates and findings as JSON.
"""

from collections.abc import Iterable

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
