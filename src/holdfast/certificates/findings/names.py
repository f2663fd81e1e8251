"""
Findings about the names that a certificate presents (RFC 9525).
"""

import re
from collections.abc import Iterator

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.case import NAMED, Case
from holdfast.certificates.findings.finding import Code, Finding, Severity, display
from holdfast.certificates.identity import is_wildcard_for_one_label
from holdfast.certificates.public_suffixes import Suffix, find_suffix

# Host names have no underscores, but the gateway and resolvers accept them.
_HOST_NAME = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*"
)


def judge_names(case: Case) -> Iterator[Finding]:
    """Examine wildcards and names, and whether a certificate that the backend may present names the backend."""
    yield from _judge_wide_wildcards(case)
    yield from _judge_forbidden_wildcards(case)
    yield from _judge_invalid_names(case)
    yield from _judge_common_name(case)
    if case.references and case.may_be_presented and not case.is_named:
        yield _report_missing_names(case)


def _report_missing_names(case: Case) -> Finding:
    certificate, required_names = case.certificate, case.required_names
    ask = f"Ask for a certificate with the subjectAltName {required_names}"
    dns_names = [name.lower().rstrip(".") for name in certificate.dns_names]
    common_names = {name.lower() for name in certificate.common_names}
    for address in (reference.value for reference in case.references if reference.is_ip):
        if address in dns_names or address in common_names:
            where = "a dNSName" if address in dns_names else "the common name"
            message = f"It has the address {address} as {where}. The gateway requires an iPAddress."
            remedy = (
                f"Ask for a certificate with the subjectAltName {address} as iPAddress "
                f"(with OpenSSL: subjectAltName=IP:{address})."
            )
            return case.build_finding(Code.ADDRESS_AS_DNS_NAME, Severity.WARNING, message, remedy)
    names = certificate.dns_names + certificate.ip_addresses
    common_name = next(
        (display(identifier.value) for identifier in case.references if identifier.value in common_names), ""
    )
    if common_name and not names:
        message = f"It has {common_name} only as the common name. The gateway requires it in subjectAltName."
        return case.build_finding(Code.NO_SUBJECT_ALT_NAME, Severity.WARNING, message, f"{ask}.")
    if case.is_authority:
        message = f"It isn't valid for {required_names}. A CA that signed the backend's certificate need not be."
        remedy = f"If it is the backend's own certificate, ask for one with the subjectAltName {required_names}."
        return case.build_finding(Code.CA_WITHOUT_NAME, Severity.INFO, message, remedy)
    if not names:
        message = f"It has no host name in subjectAltName. The gateway requires {required_names}."
        return case.build_finding(Code.NO_SUBJECT_ALT_NAME, Severity.WARNING, message, f"{ask}.")
    message = f"It has {_list_kinds(certificate)}. The gateway requires {_name_wanted_kinds(case)}."
    remedy = f"Use one of these names in the endpoint's URL, or ask for a certificate for {required_names}."
    return case.build_finding(Code.NAME_MISMATCH, Severity.WARNING, message, remedy)


def _judge_wide_wildcards(case: Case) -> Iterator[Finding]:
    wildcards = [name for name in case.certificate.dns_names if "*" in name]
    wide = tuple(name for name in wildcards if _is_below_one_label(name) or _is_below(name, Suffix.ICANN))
    if wide:
        message = f"{_enumerate(wide)} covers hosts of many owners."
        if "*" in wide:
            message += " The gateway matches no host with a bare *."
        remedy = "Ask for a certificate with the backend's host names, or with a wildcard in its own domain."
        yield case.build_finding(Code.WIDE_WILDCARD, Severity.WARNING, message, remedy)
    shared_wildcards = tuple(name for name in wildcards if name not in wide and _is_below(name, Suffix.PRIVATE))
    if shared_wildcards:
        message = (
            f"{_enumerate(shared_wildcards)} covers the hosts of all customers of one provider. The gateway accepts it."
        )
        remedy = "This is fine if the backend runs at this provider and you trust the provider."
        yield case.build_finding(Code.WIDE_WILDCARD, Severity.INFO, message, remedy)


def _is_below_one_label(name: str) -> bool:
    label, _, rest = name.rstrip(".").partition(".")
    return name == "*" or ("*" in label and bool(rest) and "." not in rest and "*" not in rest)


def _is_below(name: str, suffix: Suffix) -> bool:
    label, _, rest = name.rstrip(".").partition(".")
    return "*" in label and bool(_HOST_NAME.fullmatch(rest)) and find_suffix(rest) is suffix


def _judge_forbidden_wildcards(case: Case) -> Iterator[Finding]:
    forbidden = [name for name in case.certificate.dns_names if "*" in name.removeprefix("*.") and name != "*"]
    partial = tuple(name for name in forbidden if is_wildcard_for_one_label(name.lower()))
    remedy = "Ask for a certificate with the host names, or with a * as the whole left-most label."
    if partial:
        message = f"{_enumerate(partial)} has a * for part of a label, which RFC 9525 forbids. The gateway accepts it."
        yield case.build_finding(Code.FORBIDDEN_WILDCARD, Severity.WARNING, message, remedy)
    elif forbidden:
        message = (
            f"{_enumerate(tuple(forbidden))} has a * where RFC 9525 forbids it. The gateway matches no host with it."
        )
        yield case.build_finding(Code.FORBIDDEN_WILDCARD, Severity.INFO, message, remedy)


def _judge_invalid_names(case: Case) -> Iterator[Finding]:
    invalid = tuple(name for name in case.certificate.dns_names if "*" not in name and not _HOST_NAME.fullmatch(name))
    if not invalid:
        return
    message = f"A dNSName isn't a host name: {_enumerate(invalid)}. The gateway matches no host with it."
    remedy = "Ask for a certificate with host names only, without schemes, ports or final dots."
    yield case.build_finding(Code.INVALID_DNS_NAME, Severity.INFO, message, remedy)


def _judge_common_name(case: Case) -> Iterator[Finding]:
    certificate = case.certificate
    names = {name.lower() for name in certificate.dns_names + certificate.ip_addresses}
    ignored_names = tuple(name for name in certificate.common_names if _is_host(name) and name.lower() not in names)
    if not ignored_names or not names or case.is_authority:
        return
    message = f"Its common name, {_enumerate(ignored_names)}, isn't in subjectAltName. The gateway ignores it."
    remedy = "If endpoints use that name, ask for a certificate with it in subjectAltName."
    yield case.build_finding(Code.COMMON_NAME_IGNORED, Severity.INFO, message, remedy)


def _is_host(text: str) -> bool:
    return "." in text and bool(_HOST_NAME.fullmatch(text.removeprefix("*.")))


def _list_kinds(certificate: Certificate) -> str:
    """List the names with their kinds: the same text can be of either kind, and only one kind matches."""
    kinds = (("dNSName", certificate.dns_names), ("iPAddress", certificate.ip_addresses))
    return " and ".join(f"the {kind} {_enumerate(names)}" for kind, names in kinds if names)


def _name_wanted_kinds(case: Case) -> str:
    kinds = {"iPAddress" if reference.is_ip else "dNSName" for reference in case.references}
    return f"the {kinds.pop()} {case.required_names}" if len(kinds) == 1 else case.required_names


def _enumerate(names: tuple[str, ...]) -> str:
    return ", ".join(display(name) for name in names[:NAMED])
