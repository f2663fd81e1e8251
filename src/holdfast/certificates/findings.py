"""
Judgements about a certificate, as values: what is noticed, how bad it is, what to do.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.identity import ReferenceIdentifier, presents
from holdfast.certificates.validity import Status, status_of

MIN_RSA_BITS = 2048


class Severity(StrEnum):
    """How bad a finding is: the gateway refuses it, it will or may hurt, or it is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement about the certificate with *fingerprint*; *code* is stable."""

    code: str
    severity: Severity
    message: str
    remedy: str
    fingerprint: str


def examine(certificate: Certificate, reference: ReferenceIdentifier | None, now: datetime) -> list[Finding]:
    """
    Judge *certificate* for a backend that must present *reference* (None: do not judge names).

    A CA certificate is not judged by names: the backend presents another one.
    """
    findings = _validity(certificate, now) + _strength(certificate)
    may_be_presented = not certificate.is_ca or certificate.is_self_issued
    if reference is not None and may_be_presented:
        findings += _names(certificate, reference)
    return findings


def _finding(certificate: Certificate, code: str, severity: Severity, message: str, remedy: str) -> Finding:
    return Finding(code, severity, message, remedy, certificate.fingerprint)


def _validity(certificate: Certificate, now: datetime) -> list[Finding]:
    until = f"{certificate.not_after:%Y-%m-%d}"
    match status_of(certificate, now):
        case Status.EXPIRED:
            days = (now - certificate.not_after).days
            message, remedy = (
                f"Expired {days} days ago, on {until}.",
                "Import the certificate that replaced it.",
            )
            return [_finding(certificate, "expired", Severity.ERROR, message, remedy)]
        case Status.EXPIRING:
            days = (certificate.not_after - now).days
            message, remedy = f"Expires in {days} days, on {until}.", "Import its successor before then."
            return [_finding(certificate, "expiring", Severity.WARNING, message, remedy)]
        case Status.NOT_YET_VALID:
            message = f"Not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC."
            remedy = "Wait until then, or check the clock of the machine that made it."
            return [_finding(certificate, "not-yet-valid", Severity.ERROR, message, remedy)]
        case _:
            return []


def _strength(certificate: Certificate) -> list[Finding]:
    findings = []
    key = certificate.public_key
    if key.algorithm in {"RSA", "DSA"} and key.size < MIN_RSA_BITS:
        message = f"The key has {key.size} bits; {MIN_RSA_BITS} is the least that is considered safe."
        remedy = "Ask the backend's operator for a certificate with a stronger key."
        findings.append(_finding(certificate, "weak-key", Severity.WARNING, message, remedy))
    algorithm = certificate.signature_algorithm
    if not certificate.is_self_issued and any(weak in algorithm for weak in ("MD5", "SHA1")):
        message = f"Signed with {algorithm}, which can be forged."
        remedy = "Ask the CA for a certificate signed with SHA-256."
        findings.append(_finding(certificate, "weak-signature", Severity.WARNING, message, remedy))
    return findings


def _names(certificate: Certificate, reference: ReferenceIdentifier) -> list[Finding]:
    if presents(certificate, reference):
        return []
    if certificate.is_ca:
        message = f"It does not name {reference.value}. A CA that signed the backend's certificate need not."
        remedy = f"If it is the backend's own certificate, ask for one with the subjectAltName {reference.value}."
        return [_finding(certificate, "ca-without-name", Severity.INFO, message, remedy)]
    names = certificate.dns_names + certificate.ip_addresses
    if not names:
        message = f"It names no host in subjectAltName; the gateway looks for {reference.value} there."
        remedy = f"Ask for a certificate with the subjectAltName {reference.value}."
        return [_finding(certificate, "no-subject-alt-name", Severity.WARNING, message, remedy)]
    message = f"It is for {', '.join(names[:5])}; the gateway looks for {reference.value}."
    remedy = f"Use one of these names in the endpoint's URL, or ask for a certificate for {reference.value}."
    return [_finding(certificate, "name-mismatch", Severity.WARNING, message, remedy)]
