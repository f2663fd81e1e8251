"""
Certificates, findings and uploaded files as the JSON values of REST and the command line.
"""

from collections.abc import Iterable
from datetime import datetime

from typing_extensions import TypedDict

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.finding import Finding, Severity
from holdfast.certificates.formats.parsing import UsedCertificate
from holdfast.certificates.formats.parts import SkippedPart
from holdfast.certificates.validity import Status, get_status

# `from` is a keyword in Python.
Validity = TypedDict("Validity", {"from": str, "to": str})


class CertificateDescription(TypedDict):
    """A certificate; times are in RFC 3339 format, `fingerprint` is the SHA-256 of the DER."""

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
    """A finding about a certificate or CRL, and what to do."""

    code: str
    severity: Severity
    message: str
    remedy: str
    fingerprint: str


class UsedPart(TypedDict):
    """A part of a file that Holdfast used."""

    what: str
    fingerprint: str


class IgnoredPart(TypedDict):
    """A part of a file that Holdfast ignored, and why."""

    what: str
    why: str


class FileParts(TypedDict):
    """Findings about a file, and its used and ignored parts."""

    findings: list[FindingDescription]
    used: list[UsedPart]
    ignored: list[IgnoredPart]


def describe_certificate(certificate: Certificate, now: datetime) -> CertificateDescription:
    """Return the description of a certificate, with its status at *now* (aware)."""
    return {
        "status": get_status(certificate, now),
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
    """Return the descriptions of findings."""
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


def describe_ignored(parts: Iterable[SkippedPart]) -> list[IgnoredPart]:
    """Return the descriptions of the ignored parts of a file."""
    return [{"what": part.what, "why": part.why} for part in parts]


def describe_file(
    findings: Iterable[Finding], used_parts: Iterable[UsedCertificate], ignored_parts: Iterable[SkippedPart]
) -> FileParts:
    """Return the description of a file: findings, used parts and ignored parts."""
    return {
        "findings": describe_findings(findings),
        "used": [{"what": part.what, "fingerprint": part.fingerprint} for part in used_parts],
        "ignored": describe_ignored(ignored_parts),
    }
