"""
Findings about certificates that a backend presents: they are not imported, and each has a role in a chain.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from cryptography.x509.oid import ExtensionOID

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.choices import ChainRole, get_role
from holdfast.certificates.findings.case import Case, build_cases
from holdfast.certificates.findings.finding import Code, Finding, Severity, display
from holdfast.certificates.identity import ReferenceIdentifier

_POLICIES = ExtensionOID.CERTIFICATE_POLICIES.dotted_string
_UNLESS_TRUSTED = "unless this certificate itself is trusted"
Words = Callable[[Case, Finding], Finding | None]


def build_presented_cases(
    chain: Sequence[Certificate], references: Sequence[ReferenceIdentifier], now: datetime
) -> list[Case]:
    """Return a case with its role for each certificate of *chain*, the backend's own first."""
    roles = {
        certificate.fingerprint: get_role(chain, position) for position, certificate in reversed(list(enumerate(chain)))
    }
    return [replace(case, role=roles[case.certificate.fingerprint]) for case in build_cases(chain, references, now)]


def adapt_finding(case: Case, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Reword *findings* about an imported certificate for a presented one; drop those that don't apply."""
    for finding in findings:
        words = _WORDS.get(finding.code)
        wording = words(case, finding) if words else finding
        if wording:
            yield wording


def _name_chain(case: Case) -> str:
    return "the backend" if case.role is ChainRole.LEAF else "chains through it"


def _explain_expiry(case: Case, finding: Finding) -> Finding:
    first, _, _ = finding.message.partition(". ")
    message = f"{first.removesuffix('.')}. The gateway rejects {_name_chain(case)}."
    return replace(finding, message=message, remedy="Renew it at the backend.")


def _to_renew(remedy: str) -> Words:
    return lambda _, finding: replace(finding, remedy=remedy)


def _drop(case: Case, finding: Finding) -> None:
    del case, finding


def _adapt_signature(case: Case, finding: Finding) -> Finding:
    algorithm = case.certificate.signature_algorithm
    if "SHA1" in algorithm:
        return replace(finding, message=f"Signed with {algorithm}, which can be forged. The gateway accepts it.")
    message = (
        f"Signed with {algorithm}, which can be forged. The gateway rejects {_name_chain(case)}, {_UNLESS_TRUSTED}."
    )
    return replace(finding, severity=Severity.ERROR, message=message)


def _adapt_purposes(case: Case, finding: Finding) -> Finding:
    message = f"Its extKeyUsage lacks serverAuth. The gateway rejects {_name_chain(case)}, {_UNLESS_TRUSTED}."
    return replace(finding, severity=Severity.ERROR, message=message)


def _adapt_unknown_critical(case: Case, finding: Finding) -> Finding:
    names = display(", ".join(case.certificate.extensions.unknown_critical))
    message = (
        f"The gateway doesn't know its critical extension {names}. It rejects {_name_chain(case)}, {_UNLESS_TRUSTED}."
    )
    return replace(finding, severity=Severity.ERROR, message=message)


def _adapt_no_ca(case: Case, finding: Finding) -> Finding | None:
    if case.role is ChainRole.LEAF:
        return None
    message = "It is sent as a CA, but its basicConstraints lack CA:TRUE. "
    message += f"The gateway rejects {_name_chain(case)}, {_UNLESS_TRUSTED}."
    return replace(finding, severity=Severity.ERROR, message=message)


def _adapt_path_length(case: Case, finding: Finding) -> Finding:
    del case
    first, _, _ = finding.message.partition(". ")
    remedy = "Ask the CA for a chain within the path length."
    return replace(finding, severity=Severity.ERROR, message=f"{first}. The gateway rejects the chain.", remedy=remedy)


def _adapt_extension(case: Case, finding: Finding) -> Finding:
    first, _, rest = finding.message.partition(". ")
    if "imported" not in rest:
        return finding
    if _POLICIES in case.certificate.extensions.unreadable:
        message = f"{first}. The gateway rejects {_name_chain(case)}."
        return replace(finding, severity=Severity.ERROR, message=message)
    return replace(finding, message=f"{first}. The gateway ignores it.")


def _adapt_empty_issuer(case: Case, finding: Finding) -> Finding:
    message = f"Its issuer name is empty. The gateway rejects {_name_chain(case)}, {_UNLESS_TRUSTED}."
    return replace(finding, severity=Severity.WARNING, message=message)


def _order(case: Case, finding: Finding) -> Finding:
    issuer = display(case.certificate.issuer)
    message = f"Out of order: it is sent after its issuer, {issuer}. The gateway accepts any order."
    return replace(finding, message=message, remedy="Other clients may not. Send each certificate before its issuer.")


def _explain_repetition(case: Case, finding: Finding) -> Finding:
    times = "twice" if case.times == 2 else f"{case.times} times"
    return replace(finding, message=f"It is sent {times}.", remedy="The gateway accepts this; once is enough.")


def _adapt_version(case: Case, finding: Finding) -> Finding | None:
    return finding if case.role is ChainRole.LEAF else None


# Findings whose wording differs for presented certificates. All others mean the same for both.
_WORDS: dict[Code, Words] = {
    Code.EXPIRED: _explain_expiry,
    Code.EXPIRING: _to_renew("Renew it at the backend before then."),
    Code.LONG_VALIDITY: _to_renew("Use certificates that are valid for at most 825 days."),
    Code.WEAK_SIGNATURE: _adapt_signature,
    Code.NO_SERVER_AUTH: _adapt_purposes,
    Code.UNKNOWN_CRITICAL_EXTENSION: _adapt_unknown_critical,
    Code.CA_WITHOUT_BASIC_CONSTRAINTS: _adapt_no_ca,
    Code.NOT_A_CA: _adapt_no_ca,
    Code.CA_FOR_ANY_NAME: _drop,
    Code.PATH_LENGTH_EXCEEDED: _adapt_path_length,
    Code.UNREADABLE_EXTENSION: _adapt_extension,
    Code.EMPTY_ISSUER: _adapt_empty_issuer,
    Code.VERSION_1: _adapt_version,
    Code.CHAIN_INCOMPLETE: _drop,  # the verdict says where the chain ends
    Code.INDISTINGUISHABLE: _drop,
    Code.CHAIN_OUT_OF_ORDER: _order,
    Code.DUPLICATE: _explain_repetition,
}
