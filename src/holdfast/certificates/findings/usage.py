"""
Findings about what a certificate may be used for: key usage, purposes and unknown critical extensions.
"""

from collections.abc import Iterator

from cryptography.x509.oid import ExtendedKeyUsageOID

from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity, display

_SERVER = ExtendedKeyUsageOID.SERVER_AUTH.dotted_string
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string


def judge_usage(case: Case) -> Iterator[Finding]:
    """Examine keyUsage, extKeyUsage and critical extensions (RFC 5280, sections 4.2.1.3, 4.2.1.12 and 4.2)."""
    yield from _judge_digital_signature(case)
    yield from _judge_server_auth(case)
    yield from _judge_unusual_purposes(case)
    yield from _judge_unknown_critical(case)


def _judge_digital_signature(case: Case) -> Iterator[Finding]:
    usage = case.certificate.extensions.key_usage
    if usage is None or usage.digital_signature or case.is_authority:
        return
    message = "Its keyUsage lacks digitalSignature. The gateway rejects a backend that presents it."
    remedy = "Ask for a certificate with digitalSignature in its keyUsage, or without keyUsage."
    yield case.build_finding(Code.NO_DIGITAL_SIGNATURE, Severity.ERROR, message, remedy)


def _judge_server_auth(case: Case) -> Iterator[Finding]:
    purposes = case.certificate.extensions.purposes
    if purposes is None or _SERVER in purposes:
        return
    remedy = "Ask for a certificate with serverAuth in its extKeyUsage, or without extKeyUsage."
    if not case.may_be_presented:
        message = "Its extKeyUsage lacks serverAuth. The gateway still accepts server certificates that it issued."
    elif case.checked_by:
        message = (
            "Its extKeyUsage lacks serverAuth. "
            f"The gateway rejects it, because its issuer, {case.checked_by}, is in the file too."
        )
        yield case.build_finding(Code.NO_SERVER_AUTH, Severity.ERROR, message, remedy)
        return
    else:
        message = (
            "Its extKeyUsage lacks serverAuth. "
            "The gateway accepts it only while no CA above it is imported for this endpoint."
        )
    yield case.build_finding(Code.NO_SERVER_AUTH, Severity.WARNING, message, remedy)


def _judge_unusual_purposes(case: Case) -> Iterator[Finding]:
    purposes = case.certificate.extensions.purposes or ()
    others = [purpose for purpose in purposes if purpose not in (_SERVER, _CLIENT)]
    if _SERVER not in purposes or not others:
        return
    names = display(", ".join(others))
    message = f"Its extKeyUsage allows more than TLS: {names}. The gateway accepts it."
    remedy = "Unless that is intended, ask for a certificate with serverAuth only, to limit what a stolen key can do."
    yield case.build_finding(Code.UNUSUAL_PURPOSE, Severity.INFO, message, remedy)


def _judge_unknown_critical(case: Case) -> Iterator[Finding]:
    unknown = case.certificate.extensions.unknown_critical
    if not unknown:
        return
    names = display(", ".join(unknown))
    remedy = "Ask for a certificate in which this extension isn't critical."
    if case.checked_by and case.may_be_presented:
        message = (
            f"The gateway doesn't know its critical extension {names}. "
            f"The gateway rejects it, because its issuer, {case.checked_by}, is in the file too."
        )
        yield case.build_finding(Code.UNKNOWN_CRITICAL_EXTENSION, Severity.ERROR, message, remedy)
        return
    message = (
        f"The gateway doesn't know its critical extension {names}, and ignores it. "
        "It accepts the certificate because it is imported; other clients reject it."
    )
    yield case.build_finding(Code.UNKNOWN_CRITICAL_EXTENSION, Severity.WARNING, message, remedy)
