"""
Certificates, findings and files of certificates, as the values that REST and the command line write as JSON.
"""

from collections.abc import Iterable
from datetime import datetime

from typing_extensions import TypedDict

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.finding import Finding, Severity
from holdfast.certificates.formats.parsing import Used
from holdfast.certificates.formats.parts import Ignored
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


class FindingDescription(TypedDict):
    """What is noticed about a certificate, and what to do."""

    code: str
    severity: Severity
    message: str
    remedy: str
    fingerprint: str


class UsedPart(TypedDict):
    """A part of a file that is used."""

    what: str
    fingerprint: str


class IgnoredPart(TypedDict):
    """A part of a file that is left out, and why."""

    what: str
    why: str


class FileParts(TypedDict):
    """Findings about a file, and the parts of it that are used and ignored."""

    findings: list[FindingDescription]
    used: list[UsedPart]
    ignored: list[IgnoredPart]


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


def describe_findings(findings: Iterable[Finding]) -> list[FindingDescription]:
    """Describe findings."""
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


def describe_ignored(ignored: Iterable[Ignored]) -> list[IgnoredPart]:
    """Describe the parts of a file that are left out."""
    return [{"what": part.what, "why": part.why} for part in ignored]


def describe_file(findings: Iterable[Finding], used: Iterable[Used], ignored: Iterable[Ignored]) -> FileParts:
    """Describe what is noticed about a file, and which of its parts are used."""
    return {
        "findings": describe_findings(findings),
        "used": [{"what": part.what, "fingerprint": part.fingerprint} for part in used],
        "ignored": describe_ignored(ignored),
    }
