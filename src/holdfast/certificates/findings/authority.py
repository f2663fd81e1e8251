"""
Findings about CAs. The gateway trusts an imported certificate in cases in which RFC 5280 does not.
"""

from collections.abc import Iterator

from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity
from holdfast.certificates.identity import ReferenceIdentifier
from holdfast.certificates.name_constraints import NameConstraints


def judge_authority(case: Case) -> Iterator[Finding]:
    """Judge basicConstraints, keyCertSign and nameConstraints (RFC 5280, sections 4.2.1.9, 4.2.1.3, 4.2.1.10)."""
    if case.certificate.extensions.lacks_key_cert_sign:
        yield from _judge_key_cert_sign(case)
    else:
        yield from _judge_basic_constraints(case)
    if case.certificate.extensions.name_constraints is None:
        yield from _judge_any_name(case)
    else:
        yield from _judge_name_constraints(case, case.certificate.extensions.name_constraints)
        yield from _judge_critical(case, case.certificate.extensions.name_constraints)


def _judge_key_cert_sign(case: Case) -> Iterator[Finding]:
    if not case.is_authority:
        return
    usage = case.certificate.extensions.key_usage
    if case.may_be_presented and usage is not None and usage.digital_signature:
        message = "Its keyUsage lacks keyCertSign. The gateway accepts this CA certificate, but nothing that it issued."
        remedy = "This is fine for the backend's own certificate. Otherwise, ask for keyCertSign in its keyUsage."
        yield case.build_finding(Code.CA_WITHOUT_KEY_CERT_SIGN, Severity.INFO, message, remedy)
        return
    message = "Its keyUsage lacks keyCertSign. The gateway rejects everything that this CA issued."
    remedy = "Ask for a CA certificate with keyCertSign in its keyUsage, or import the backend's own certificate."
    yield case.build_finding(Code.CA_WITHOUT_KEY_CERT_SIGN, Severity.ERROR, message, remedy)


def _judge_basic_constraints(case: Case) -> Iterator[Finding]:
    certificate = case.certificate
    remedy = "Ask for a CA certificate with CA:TRUE in its basicConstraints."
    if certificate.extensions.basic_constraints is None:
        if certificate.version == "V1":
            return  # version 1 has no extensions
        if case.is_authority:
            message = "This CA has no basicConstraints. The gateway accepts it because it is imported; others don't."
            yield case.build_finding(Code.CA_WITHOUT_BASIC_CONSTRAINTS, Severity.WARNING, message, remedy)
        elif certificate.is_self_issued:
            message = "It doesn't say whether it is a CA. The gateway accepts it, and would accept what it issues."
            remedy = "This is fine for the backend's own certificate. CA:FALSE in basicConstraints would be clearer."
            yield case.build_finding(Code.CA_WITHOUT_BASIC_CONSTRAINTS, Severity.INFO, message, remedy)
    elif case.is_authority and not certificate.is_ca:
        why = "it issued another certificate in the file" if case.issued else "its keyUsage has keyCertSign"
        message = f"It is marked as not a CA, but {why}. "
        message += "The gateway accepts it because it is imported; other clients don't."
        yield case.build_finding(Code.NOT_A_CA, Severity.WARNING, message, remedy)


def _judge_any_name(case: Case) -> Iterator[Finding]:
    certificate = case.certificate
    if not certificate.is_ca or not certificate.is_self_issued or certificate.extensions.lacks_key_cert_sign:
        return
    message = "Anyone who has its private key can issue certificates for any name, including this endpoint's host."
    remedy = "To trust less, import the CA below it that issues for the backend, or the backend's own certificate."
    yield case.build_finding(Code.CA_FOR_ANY_NAME, Severity.INFO, message, remedy)


def _judge_name_constraints(case: Case, constraints: NameConstraints) -> Iterator[Finding]:
    if not case.references or not case.is_authority or (case.may_be_presented and case.is_named):
        return
    if not all(_forbids(constraints, reference) for reference in case.references):
        return
    names = case.required_names
    message = f"Its name constraints don't permit {names}. The gateway rejects certificates for it under this CA."
    if all(reference.is_ip for reference in case.references):
        message = "Its name constraints cover IP addresses. The gateway can't check them, and rejects every address."
    remedy = f"Import a CA that may issue for {names}, or only the backend's own certificate."
    yield case.build_finding(Code.NAME_CONSTRAINTS, Severity.ERROR, message, remedy)


def _judge_critical(case: Case, constraints: NameConstraints) -> Iterator[Finding]:
    if constraints.malformed:
        message = "Part of its name constraints is empty. The gateway ignores that part."
        if constraints.about_addresses:
            message = (
                "An IP address in its name constraints is malformed. The gateway rejects every address under this CA, "
                "and checks host names as usual."
            )
        remedy = "Ask for a CA certificate with valid name constraints. Other clients may reject what this CA issued."
        yield case.build_finding(Code.UNREADABLE_EXTENSION, Severity.WARNING, message, remedy)
    if not constraints.critical:
        message = "Its name constraints aren't critical, but must be. The gateway enforces them; other clients may not."
        remedy = "Ask for a CA certificate with critical name constraints."
        yield case.build_finding(Code.NAME_CONSTRAINTS_NOT_CRITICAL, Severity.INFO, message, remedy)


def _forbids(constraints: NameConstraints, reference: ReferenceIdentifier) -> bool:
    if reference.is_ip:
        return constraints.about_addresses
    permitted_names, excluded_names = constraints.permitted_dns_names, constraints.excluded_dns_names
    return any(_is_within(reference.value, subtree) for subtree in excluded_names) or (
        bool(permitted_names) and not any(_is_within(reference.value, subtree) for subtree in permitted_names)
    )


def _is_within(name: str, constraint: str) -> bool:
    """Apply RFC 5280, section 4.2.1.10; like the gateway, match only subdomains if the constraint begins with a dot."""
    if not constraint or constraint.startswith("."):
        return name.endswith(constraint)
    return name == constraint or name.endswith(f".{constraint}")
