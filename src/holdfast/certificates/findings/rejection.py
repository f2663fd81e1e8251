"""
Decide whether the gateway would reject a backend that presents the certificates of a file once it is imported.
"""

from collections.abc import Sequence
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.case import Case, build_cases
from holdfast.certificates.findings.examination import examine_all
from holdfast.certificates.findings.finding import Code, Finding, Severity
from holdfast.certificates.findings.strength import USABLE_ABOVE_A_LEAF
from holdfast.certificates.identity import ReferenceIdentifier

ABOUT_NAMES = {Code.NAME_MISMATCH, Code.NO_SUBJECT_ALT_NAME, Code.ADDRESS_AS_DNS_NAME, Code.CA_WITHOUT_NAME}


def list_reasons_to_reject(
    certificates: Sequence[Certificate], references: Sequence[ReferenceIdentifier], now: datetime
) -> list[Finding]:
    """
    Return why a gateway would reject a backend that presents *certificates* for one of *references* (none: any name).

    An empty list means that it would be accepted. Only certificates that issued no other one in the file are
    considered: the backend's own, or a CA that issued it. The backend may present any of them, so it is enough if the
    gateway would accept one.
    """
    findings = examine_all(certificates, references, now)
    if ambiguous := [candidate for candidate in findings if candidate.code is Code.INDISTINGUISHABLE]:
        return ambiguous  # Holdfast doesn't import such a file
    cases = build_cases(certificates, references, now)
    reasons = [_list_reasons(case, cases, findings) for case in cases if not case.issued]
    return [] if not all(reasons) else [finding for findings_of_case in reasons for finding in findings_of_case]


def _list_reasons(case: Case, cases: Sequence[Case], findings: Sequence[Finding]) -> list[Finding]:
    path = _add_issuers(case, cases)
    issues = _is_meant_to_issue(case)
    errors = [finding for finding in findings if finding.fingerprint in path and finding.severity is Severity.ERROR]
    if issues and case.certificate.public_key.algorithm in USABLE_ABOVE_A_LEAF:
        errors = [error for error in errors if error.code is not Code.WEAK_KEY]
    if errors or not case.references or case.is_named or issues:
        return errors
    of_it = (finding for finding in findings if finding.fingerprint == case.certificate.fingerprint)
    return [finding for finding in of_it if finding.code in ABOUT_NAMES]


def _add_issuers(case: Case, cases: Sequence[Case]) -> set[str]:
    """Return the fingerprints of a certificate and of all its issuers in the file."""
    by_fingerprint = {other_case.certificate.fingerprint: other_case for other_case in cases}
    path, waiting = set[str](), [case]
    while waiting:
        next_case = waiting.pop()
        if next_case.certificate.fingerprint not in path:
            path.add(next_case.certificate.fingerprint)
            waiting += [by_fingerprint[issuer.fingerprint] for issuer in next_case.issuers]
    return path


def _is_meant_to_issue(case: Case) -> bool:
    """
    Return whether the backend more likely presents a certificate issued by this one than this certificate itself.

    CA:TRUE is not enough to tell: `openssl req -x509` sets it in every self-signed server certificate.
    """
    certificate = case.certificate
    usage = certificate.extensions.key_usage
    if usage is not None or not case.may_be_presented:
        return not certificate.extensions.lacks_key_cert_sign
    if not (certificate.is_ca or certificate.version == "V1") or not certificate.is_self_issued:
        return False
    hosts = {name.lower() for name in certificate.common_names}
    return not certificate.subject_alt_names and not any(reference.value in hosts for reference in case.references)
