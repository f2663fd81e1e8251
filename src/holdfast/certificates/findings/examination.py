"""
Examine certificates and return findings: what is wrong, how severe it is, and what to do.
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
from holdfast.certificates.findings.presented_chain import adapt_finding, build_presented_cases
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
    Return findings about *certificate* for a backend that must present one of *references* (none: any name).

    The names of a CA certificate are not examined, because the backend presents a different certificate.
    """
    return examine_all([certificate], references, now)


def examine_caller(certificate: Certificate, now: datetime) -> list[Finding]:
    """Return findings about a caller certificate, which the gateway accepts regardless of its issuer."""
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
    Return findings about the certificates of one file for a backend that must present one of *references*.

    The findings are in the order of the certificates. A duplicate is reported, but examined only once. A certificate
    that issued another one in the file counts as a CA, whatever its extensions say. *elsewhere* maps fingerprints to
    the aliases under which the endpoint already trusts them.
    """
    cases = build_cases(certificates, references, now)
    together = list(judge_chains(cases))
    return [
        finding
        for case in cases
        for finding in (
            *judge_elsewhere(case, elsewhere.get(case.certificate.fingerprint, "")),
            *_examine_one(case),
            *(chain_finding for chain_finding in together if chain_finding.fingerprint == case.certificate.fingerprint),
        )
    ]


def examine_presented(
    chain: Sequence[Certificate], references: Sequence[ReferenceIdentifier], now: datetime
) -> list[Finding]:
    """
    Return findings about the chain that a backend presents, its own certificate first, by each certificate's role.

    The certificates are not imported, so findings that hold only for imported certificates are adapted or left out.
    """
    cases = build_presented_cases(chain, references, now)
    together = list(judge_chains(cases))
    return [
        finding
        for case in cases
        for finding in adapt_finding(
            case,
            (
                *_examine_one(case),
                *(
                    chain_finding
                    for chain_finding in together
                    if chain_finding.fingerprint == case.certificate.fingerprint
                ),
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
