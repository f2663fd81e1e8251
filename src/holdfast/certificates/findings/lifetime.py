"""
Findings about the validity period (RFC 5280, section 4.1.2.5).
"""

from collections.abc import Iterator
from datetime import timedelta

from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity
from holdfast.certificates.validity import Status, get_status

MAX_VALIDITY = timedelta(days=825)  # CA/Browser Forum limit of 2018; Apple enforces it for private CAs


def judge_lifetime(case: Case) -> Iterator[Finding]:
    """Report certificates outside or near the end of their validity, and server certificates valid for too long."""
    certificate = case.certificate
    if certificate.not_after < certificate.not_before:
        message = f"Expires on {certificate.not_after:%Y-%m-%d}, before it becomes valid. The gateway rejects it."
        yield case.build_finding(Code.NEVER_VALID, Severity.ERROR, message, "Ask for a certificate with correct dates.")
        return
    yield from _judge_status(case)
    days = (certificate.not_after - certificate.not_before).days
    if not case.is_authority and certificate.not_after - certificate.not_before > MAX_VALIDITY:
        message = f"Valid for {days} days. The gateway accepts it, but a stolen key stays usable for as long."
        remedy = f"Use certificates valid for at most {MAX_VALIDITY.days} days. Import each before the backend uses it."
        yield case.build_finding(Code.LONG_VALIDITY, Severity.INFO, message, remedy)


def _judge_status(case: Case) -> Iterator[Finding]:
    certificate, now = case.certificate, case.now
    until = f"{certificate.not_after:%Y-%m-%d}"
    match get_status(certificate, now):
        case Status.EXPIRED:
            message = f"Expired {_write_days_ago((now - certificate.not_after).days)}, on {until}."
            remedy = "Import its replacement."
            if case.issued:
                message += " As long as it is imported, the gateway also rejects everything that it issued."
                remedy = "Leave it out, and import its replacement."
            yield case.build_finding(Code.EXPIRED, Severity.ERROR, message, remedy)
        case Status.EXPIRING:
            message = f"Expires {_write_days_ahead((certificate.not_after - now).days)}, on {until}."
            yield case.build_finding(Code.EXPIRING, Severity.WARNING, message, "Import its replacement before then.")
        case Status.NOT_YET_VALID:
            message = f"Not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC."
            remedy = "Wait until then, or check the clock of the machine that issued it."
            yield case.build_finding(Code.NOT_YET_VALID, Severity.ERROR, message, remedy)


def _write_days_ago(days: int) -> str:
    return {0: "today", 1: "1 day ago"}.get(days, f"{days} days ago")


def _write_days_ahead(days: int) -> str:
    return {0: "within a day", 1: "in 1 day"}.get(days, f"in {days} days")
