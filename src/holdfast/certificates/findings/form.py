"""
Findings about damaged, outdated and unusual parts of a certificate (RFC 5280, section 4.1).
"""

from collections.abc import Iterator

from cryptography.x509.oid import ExtensionOID

from holdfast.certificates.extensions import name_extension
from holdfast.certificates.findings.case import NAMED, Case
from holdfast.certificates.findings.finding import Code, Finding, Severity, display
from holdfast.certificates.names import NOT_TEXT

MAX_SERIAL_NUMBER_OCTETS = 20
# Gateways read these in every certificate, including imported ones, and reject a certificate if they can't (measured on
# Envoy 1.40). They read policies only in certificates that a backend sends, and other extensions not at all.
_ALWAYS_READ = {
    oid.dotted_string
    for oid in (
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
    )
}


def judge_form(case: Case) -> Iterator[Finding]:
    """Examine damaged parts, version, serial number, issuer (RFC 5280, sections 4.2, 4.1.2.1, 4.1.2.2, 4.1.2.4)."""
    yield from _judge_extensions(case)
    yield from _judge_names(case)
    yield from _judge_key_identifiers(case)
    yield from _judge_version(case)
    yield from _judge_serial_number(case)
    if not case.certificate.issuer:
        message = "Its issuer name is empty. The gateway accepts it because it is imported; other clients may not."
        remedy = "Ask for a certificate with an issuer name."
        yield case.build_finding(Code.EMPTY_ISSUER, Severity.INFO, message, remedy)


def _judge_extensions(case: Case) -> Iterator[Finding]:
    damaged_extensions = case.certificate.extensions.unreadable
    if not damaged_extensions:
        return
    names = ", ".join(map(name_extension, damaged_extensions[:NAMED]))
    what, remedy = f"An extension is damaged: {names}.", "Ask for a certificate without damaged extensions."
    if _ALWAYS_READ.isdisjoint(damaged_extensions):
        message = f"{what} The gateway ignores it in an imported certificate."
        yield case.build_finding(Code.UNREADABLE_EXTENSION, Severity.WARNING, message, remedy)
    else:
        message = f"{what} The gateway rejects the certificate and everything that it issued."
        yield case.build_finding(Code.UNREADABLE_EXTENSION, Severity.ERROR, message, remedy)


def _judge_names(case: Case) -> Iterator[Finding]:
    damaged_names = [name for name in (case.certificate.subject, case.certificate.issuer) if NOT_TEXT in name]
    if damaged_names:
        message = f"Part of {display(damaged_names[0])} isn't text and is shown in hex. The gateway accepts it."
        remedy = "If other clients reject it, ask for a certificate with text names."
        yield case.build_finding(Code.UNREADABLE_NAME, Severity.INFO, message, remedy)


def _judge_key_identifiers(case: Case) -> Iterator[Finding]:
    certificate = case.certificate
    if certificate.version == "V1":
        return  # version 1 has no extensions
    missing = []
    if case.is_authority and not certificate.subject_key_identifier:
        missing.append("subject key identifier")
    if not certificate.is_self_issued and not certificate.authority_key_identifier:
        missing.append("authority key identifier")
    if missing:
        message = f"It has no {' and no '.join(missing)}. The gateway accepts it."
        remedy = "Ask for key identifiers. Only they distinguish a CA from its successor of the same name."
        yield case.build_finding(Code.NO_KEY_IDENTIFIER, Severity.INFO, message, remedy)


def _judge_version(case: Case) -> Iterator[Finding]:
    if case.certificate.version != "V1":
        return
    message = "Version 1 has no subjectAltName, so the gateway rejects a backend that presents it as its own."
    remedy = "This is fine for an old CA. Otherwise, ask for a version 3 certificate."
    yield case.build_finding(Code.VERSION_1, Severity.INFO, message, remedy)


def _judge_serial_number(case: Case) -> Iterator[Finding]:
    number = case.certificate.serial_number
    if number > 0 and number.bit_length() < 8 * MAX_SERIAL_NUMBER_OCTETS:
        return
    what = "negative" if number < 0 else "zero" if number == 0 else f"longer than {MAX_SERIAL_NUMBER_OCTETS} octets"
    message = f"Its serial number is {what}. The gateway accepts it; some other clients don't."
    remedy = f"Ask for a certificate with a positive serial number of at most {MAX_SERIAL_NUMBER_OCTETS} octets."
    yield case.build_finding(Code.UNUSUAL_SERIAL_NUMBER, Severity.INFO, message, remedy)
