"""
When a certificate is valid, and for how long (RFC 5280, section 4.1.2.5).
"""

from collections.abc import Iterator
from datetime import timedelta

from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity
from holdfast.certificates.validity import Status, status_of

MAX_VALIDITY = timedelta(days=825)  # what the CA/Browser Forum allowed since 2018; private CAs are held to it by Apple


def judge_lifetime(case: Case) -> Iterator[Finding]:
    """Say where in its life the certificate is, and whether that life is too long for a server's."""
    certificate = case.certificate
    if certificate.not_after < certificate.not_before:
        message = f"It ends on {certificate.not_after:%Y-%m-%d}, before it begins. The gateway never believes it."
        yield case.finding(Code.NEVER_VALID, Severity.ERROR, message, "Ask for a certificate with other dates.")
        return
    yield from _status(case)
    days = (certificate.not_after - certificate.not_before).days
    if not case.is_authority and certificate.not_after - certificate.not_before > MAX_VALIDITY:
        message = f"Valid for {days} days. The gateway accepts it; a stolen key can be used for as long."
        remedy = f"Use certificates of at most {MAX_VALIDITY.days} days, and import each before it is used."
        yield case.finding(Code.LONG_VALIDITY, Severity.INFO, message, remedy)


def _status(case: Case) -> Iterator[Finding]:
    certificate, now = case.certificate, case.now
    until = f"{certificate.not_after:%Y-%m-%d}"
    match status_of(certificate, now):
        case Status.EXPIRED:
            message = f"Expired {(now - certificate.not_after).days} days ago, on {until}."
            remedy = "Import the certificate that replaced it."
            if case.issued:
                message += " As long as it is imported, the gateway also refuses what it issued."
                remedy = "Leave it out, and import the certificate that replaced it."
            yield case.finding(Code.EXPIRED, Severity.ERROR, message, remedy)
        case Status.EXPIRING:
            message = f"Expires in {(certificate.not_after - now).days} days, on {until}."
            yield case.finding(Code.EXPIRING, Severity.WARNING, message, "Import its successor before then.")
        case Status.NOT_YET_VALID:
            message = f"Not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC."
            remedy = "Wait until then, or check the clock of the machine that made it."
            yield case.finding(Code.NOT_YET_VALID, Severity.ERROR, message, remedy)
