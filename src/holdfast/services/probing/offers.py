"""
Which presented certificates could be imported so that the gateway accepts the backend.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.choices import ChainRole, list_choices
from holdfast.certificates.trust import TrustSet, deduplicate, find_indistinguishable
from holdfast.certificates.validity import Status, get_status
from holdfast.gateway.failures.causes import Cause
from holdfast.services.probing.faults import Fault
from holdfast.services.probing.terms import Terms

# Importing a certificate doesn't help with these.
_NOT_BY_IMPORT = {
    Cause.REVOKED,
    Cause.CRL_STALE,
    Cause.NO_SUBJECT_ALT_NAME,
    Cause.HOSTNAME_MISMATCH,
    Cause.PIN_MISMATCH,
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A certificate to import, in addition to what is trusted or, if only that helps, *instead* of it."""

    role: ChainRole
    certificate: Certificate
    instead: bool = False


def list_offers(
    faults: Sequence[Fault], chain: Sequence[Certificate], terms: Terms, now: datetime
) -> Iterator[tuple[Offer, TrustSet]]:
    """
    Yield what could be imported, best first, each with the resulting trust set; only a gateway knows whether it helps.

    Certificates that Holdfast would refuse to import are left out: expired ones, and those that gateways can't tell
    from trusted ones.
    """
    if faults[0].cause in _NOT_BY_IMPORT or not terms.uses_imported or _is_over(chain[0], now):
        return
    for instead in (False, True) if terms.aliases else (False,):
        anchors = () if instead else terms.trust.anchors
        for choice in list_choices(chain):
            if not explain_refusal(choice.certificate, anchors, now):
                trust = replace(terms.trust, anchors=deduplicate([*anchors, choice.certificate]))
                yield Offer(choice.kind, choice.certificate, instead), trust


def explain_refusal(certificate: Certificate, anchors: Sequence[Certificate], now: datetime) -> str:
    """Return why Holdfast would refuse to import *certificate* in addition to *anchors*; empty if it wouldn't."""
    if _is_over(certificate, now):
        return "It can't be imported, because it has expired. Renew it at the backend."
    if any(certificate in pair for pair in find_indistinguishable([*anchors, certificate])):
        return "It can't be imported: gateways couldn't tell it from a trusted one with this subject. Replace that one."
    return ""


def _is_over(certificate: Certificate, now: datetime) -> bool:
    return get_status(certificate, now) is Status.EXPIRED
