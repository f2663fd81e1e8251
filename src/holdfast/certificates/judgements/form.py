"""
Old and odd forms of a certificate (RFC 5280, section 4.1).
"""

from collections.abc import Iterator

from holdfast.certificates.judgements.case import Case
from holdfast.certificates.judgements.finding import Code, Finding, Severity

MAX_SERIAL_NUMBER_OCTETS = 20


def judge_form(case: Case) -> Iterator[Finding]:
    """Judge the version, the serial number and the issuer (RFC 5280, sections 4.1.2.1, 4.1.2.2 and 4.1.2.4)."""
    yield from _version(case)
    yield from _serial_number(case)
    if not case.certificate.issuer:
        message = "Its issuer has no name. The gateway accepts it because it is imported; others may not."
        remedy = "Ask for a certificate whose issuer is named."
        yield case.finding(Code.EMPTY_ISSUER, Severity.INFO, message, remedy)


def _version(case: Case) -> Iterator[Finding]:
    if case.certificate.version != "V1":
        return
    message = "It is of version 1, which has no subjectAltName: a backend that presents it as its own is refused."
    remedy = "Nothing, if it is an old CA. Else ask for a certificate of version 3."
    yield case.finding(Code.VERSION_1, Severity.INFO, message, remedy)


def _serial_number(case: Case) -> Iterator[Finding]:
    number = case.certificate.serial_number
    if number > 0 and number.bit_length() < 8 * MAX_SERIAL_NUMBER_OCTETS:
        return
    what = "negative" if number < 0 else "zero" if number == 0 else f"longer than {MAX_SERIAL_NUMBER_OCTETS} octets"
    message = f"Its serial number is {what}. The gateway accepts it; some other clients do not."
    remedy = f"Ask for a certificate with a positive serial number of at most {MAX_SERIAL_NUMBER_OCTETS} octets."
    yield case.finding(Code.UNUSUAL_SERIAL_NUMBER, Severity.INFO, message, remedy)
