"""
Judgements about certificates, as values: what is noticed, how bad it is, what to do.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.findings.authority import judge_authority
from holdfast.certificates.findings.caller import judge_caller
from holdfast.certificates.findings.case import Case, build_cases
from holdfast.certificates.findings.chains import judge_chains
from holdfast.certificates.findings.elsewhere import judge_elsewhere
from holdfast.certificates.findings.finding import Code, Finding, Severity
from holdfast.certificates.findings.form import judge_form
from holdfast.certificates.findings.lifetime import judge_lifetime
from holdfast.certificates.findings.names import judge_names
from holdfast.certificates.findings.presented import adapt_finding, build_presented_cases
from holdfast.certificates.findings.revocation import judge_revocation
from holdfast.certificates.findings.strength import judge_strength
from holdfast.certificates.findings.usage import judge_usage
from holdfast.certificates.identity import ReferenceIdentifier

__all__ = [
    "Code",
    "Finding",
    "Severity",
    "examine",
    "examine_all",
    "examine_caller",
    "examine_presented",
    "judge_revocation",
]


def examine(certificate: Certificate, references: Sequence[ReferenceIdentifier], now: datetime) -> list[Finding]:
    """
    Judge *certificate* for a backend that must present one of *references* (none: do not judge names).

    A CA certificate is not judged by names: the backend presents another one.
    """
    return examine_all([certificate], references, now)


def examine_caller(certificate: Certificate, now: datetime) -> list[Finding]:
    """Judge the certificate of a caller, which is accepted itself, whoever issued it."""
    return [
        finding
        for case in build_cases([certificate], [], now)
        for finding in (*judge_lifetime(case), *judge_caller(case))
    ]


def examine_all(
    certificates: Sequence[Certificate],
    references: Sequence[ReferenceIdentifier],
    now: datetime,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> list[Finding]:
    """
    Judge the certificates of one file, each and all together, for a backend that must present one of *references*.

    The findings are in the order of the certificates; one that is there twice is judged once, and told of. What a
    certificate may be depends on the others: one that issued another one of the file is a CA, whatever it says.
    *elsewhere* has the aliases under which the endpoint trusts some of them already, by fingerprint.
    """
    judged = build_cases(certificates, references, now)
    together = list(judge_chains(judged))
    return [
        finding
        for case in judged
        for finding in (
            *judge_elsewhere(case, elsewhere.get(case.certificate.fingerprint, "")),
            *_examine_one(case),
            *(shared for shared in together if shared.fingerprint == case.certificate.fingerprint),
        )
    ]


def examine_presented(
    chain: Sequence[Certificate], references: Sequence[ReferenceIdentifier], now: datetime
) -> list[Finding]:
    """
    Judge what a backend presents, its own certificate first: each certificate for its role in the chain.

    Nobody has imported any of them, so what the gateway makes of an imported certificate is not said.
    """
    judged = build_presented_cases(chain, references, now)
    together = list(judge_chains(judged))
    return [
        finding
        for case in judged
        for finding in adapt_finding(
            case,
            (
                *_examine_one(case),
                *(shared for shared in together if shared.fingerprint == case.certificate.fingerprint),
            ),
        )
    ]


def _examine_one(case: Case) -> list[Finding]:
    return [
        *judge_lifetime(case),
        *judge_strength(case),
        *judge_names(case),
        *judge_usage(case),
        *judge_authority(case),
        *judge_form(case),
    ]
