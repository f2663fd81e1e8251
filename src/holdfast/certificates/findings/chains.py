"""
Findings about the certificates of one file together: path lengths, gaps, order, duplicates, and certificates that the
gateway can't distinguish.

To the gateway they are a set of trust anchors, not a chain: it needs neither a root nor an order.
"""

from collections.abc import Iterator, Sequence

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.case import Case
from holdfast.certificates.findings.finding import Code, Finding, Severity, display
from holdfast.certificates.trust import find_indistinguishable


def judge_chains(cases: Sequence[Case]) -> Iterator[Finding]:
    """Report findings about all certificates of a file together."""
    by_fingerprint = {case.certificate.fingerprint: case for case in cases}
    yield from _judge_path_lengths(by_fingerprint)
    if any(case.issued for case in cases) or any(case.certificate.is_ca for case in cases):
        yield from _judge_gaps(cases)
    yield from _judge_order(cases)
    yield from _find_repeated(cases)
    pairs = find_indistinguishable([case.certificate for case in cases])
    for fingerprint in dict.fromkeys(other.fingerprint for _, other in pairs):
        case = by_fingerprint[fingerprint]
        subject = display(case.certificate.subject)
        message = f"The gateway can't distinguish it from another {subject} in the file, and would trust only one."
        remedy = "Import only the certificate that the backend presents, or ask for certificates with key identifiers."
        yield case.build_finding(Code.INDISTINGUISHABLE, Severity.ERROR, message, remedy)


def _judge_path_lengths(by_fingerprint: dict[str, Case]) -> Iterator[Finding]:
    reported_fingerprints = set()
    for case in by_fingerprint.values():
        constraints = case.certificate.extensions.basic_constraints
        if constraints is None or constraints.path_length is None:
            continue
        for deep in _list_cas_deeper_than(constraints.path_length, case, by_fingerprint):
            if deep.fingerprint not in reported_fingerprints:
                reported_fingerprints.add(deep.fingerprint)
                yield _report_depth(by_fingerprint[deep.fingerprint], case.certificate, constraints.path_length)


def _report_depth(case: Case, above: Certificate, limit: int) -> Finding:
    number = f"at most {limit}" if limit else "no"
    message = (
        f"{display(above.subject)} allows {number} CA below it, and this one is deeper. "
        "The gateway accepts it because it is imported; other clients don't."
    )
    remedy = "Ask the CA for a chain within the path length. Keep this certificate imported until then."
    return case.build_finding(Code.PATH_LENGTH_EXCEEDED, Severity.WARNING, message, remedy)


def _list_cas_deeper_than(limit: int, case: Case, by_fingerprint: dict[str, Case]) -> Iterator[Certificate]:
    """Yield the CAs more than *limit* levels below *case* on every path (RFC 5280, section 4.2.1.9)."""
    visited_fingerprints = {case.certificate.fingerprint}
    level, depth = [case], 0
    while level:
        below = {ca.fingerprint: ca for above in level for ca in above.issued if ca.is_ca}
        new = {
            fingerprint: certificate
            for fingerprint, certificate in below.items()
            if fingerprint not in visited_fingerprints
        }
        depth += 1
        if depth > limit:
            yield from new.values()
        visited_fingerprints |= new.keys()
        level = [by_fingerprint[fingerprint] for fingerprint in new]


def _judge_gaps(cases: Sequence[Case]) -> Iterator[Finding]:
    has_unused_ca = any(case.certificate.is_ca and not case.issued for case in cases)
    for case in cases:
        certificate = case.certificate
        if len(cases) == 1 or certificate.is_self_issued or case.issuers or not certificate.issuer:
            continue
        issuer = display(certificate.issuer)
        if case.is_authority:
            message = f"Its issuer, {issuer}, is not in the file. The gateway doesn't need it."
            remedy = "No action needed: the gateway accepts what this CA issued."
            yield case.build_finding(Code.CHAIN_INCOMPLETE, Severity.INFO, message, remedy)
        elif has_unused_ca:
            message = (
                f"The file has a CA, but not the issuer of this certificate, {issuer}. "
                "The gateway accepts this certificate, but may reject its renewal."
            )
            remedy = f"Add {issuer} to the file, unless the backend sends it."
            yield case.build_finding(Code.CHAIN_INCOMPLETE, Severity.WARNING, message, remedy)


def _judge_order(cases: Sequence[Case]) -> Iterator[Finding]:
    before: set[str] = set()
    for case in cases:
        if any(issuer.fingerprint in before for issuer in case.issuers):
            issuer = display(case.certificate.issuer)
            message = f"Out of order: it comes after its issuer, {issuer}. The gateway accepts any order."
            remedy = "If a server will send this file, put each certificate before its issuer."
            yield case.build_finding(Code.CHAIN_OUT_OF_ORDER, Severity.INFO, message, remedy)
            return
        before.add(case.certificate.fingerprint)


def _find_repeated(cases: Sequence[Case]) -> Iterator[Finding]:
    for case in cases:
        if case.times > 1:
            times = "twice" if case.times == 2 else f"{case.times} times"
            message = f"It is in the file {times}. Holdfast imports it once."
            remedy = "No action needed, unless you meant to include a different certificate: add it to the file."
            yield case.build_finding(Code.DUPLICATE, Severity.INFO, message, remedy)
