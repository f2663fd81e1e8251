"""
Findings about caller certificates. The gateway accepts exactly this certificate and checks only its dates.
"""

from collections.abc import Iterator

from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity


def judge_caller(case: Case) -> Iterator[Finding]:
    """Report a CA certificate: certificates that it issued are not accepted because of it."""
    if case.certificate.is_ca:
        message = "It is marked as a CA. The gateway accepts only this certificate, not certificates that it issued."
        remedy = "This is fine if the caller presents it. Otherwise, upload the callers' own certificates."
        yield case.build_finding(Code.ONLY_ITSELF, Severity.INFO, message, remedy)
