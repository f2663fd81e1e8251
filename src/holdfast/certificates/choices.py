"""
Which of the certificates that a backend presents can be trusted, and what each choice means. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from holdfast.certificates.certificate import Certificate


class ChainRole(StrEnum):
    """The place of a certificate in what a backend presents."""

    LEAF = "leaf"
    INTERMEDIATE = "intermediate"
    ROOT = "root"


@dataclass(frozen=True, slots=True)
class Choice:
    """A certificate that could be the trust anchor, and what would follow from it."""

    kind: ChainRole
    certificate: Certificate
    sentence: str


_ROOT = (
    "Trusts every certificate for the endpoint's host from this CA and the CAs below it: renewals need nothing here, "
    "and an attacker would need one of these CAs to issue a certificate."
)
_INTERMEDIATE = (
    "Trusts every certificate for the endpoint's host from this CA: renewals by the same CA need nothing here, and an "
    "attacker would need this CA to issue a certificate."
)
_LEAF = (
    "Trusts this certificate alone: each renewal must be imported before the backend presents it, and an attacker "
    "would need the backend's private key."
)
_SELF_SIGNED = (
    "Trusts this certificate, which is self-signed and so the only choice: each renewal must be imported before the "
    "backend presents it, and an attacker would need the backend's private key."
)


def role_of(chain: Sequence[Certificate], position: int) -> ChainRole:
    """Say which role the certificate at *position* has in what a backend presents, its own certificate first."""
    if position == 0:
        return ChainRole.LEAF
    return ChainRole.ROOT if chain[position].is_self_issued else ChainRole.INTERMEDIATE


def list_choices(chain: Sequence[Certificate]) -> tuple[Choice, ...]:
    """
    Offer the certificates of *chain*, a backend's own first, that can be trust anchors: root, intermediate, leaf.

    Only those above the backend's own certificate are offered, whatever else is sent. Of several intermediates it is
    the topmost: without a root, it stands in the root's place.
    """
    if not chain:
        return ()
    leaf, *above = follow_issuers(chain)
    if leaf.is_self_issued:
        return (Choice(ChainRole.LEAF, leaf, _SELF_SIGNED),)
    chosen_cas = [
        Choice(ChainRole.ROOT, certificate, _ROOT) for certificate in above[-1:] if certificate.is_self_issued
    ]
    intermediates = [certificate for certificate in above if not certificate.is_self_issued]
    chosen_cas += [Choice(ChainRole.INTERMEDIATE, certificate, _INTERMEDIATE) for certificate in intermediates[-1:]]
    return (*chosen_cas, Choice(ChainRole.LEAF, leaf, _LEAF))


def follow_issuers(chain: Sequence[Certificate]) -> list[Certificate]:
    """
    Follow the issuers from the first certificate of *chain* (not empty) upwards, as far as they were sent.

    By names and key identifiers alone: signatures are the gateway's business.
    """
    path = [chain[0]]
    while not path[-1].is_self_issued:
        issuer = next(
            (
                certificate
                for certificate in chain
                if certificate not in path and _may_have_issued(certificate, path[-1])
            ),
            None,
        )
        if issuer is None:
            break
        path.append(issuer)
    return path


def _may_have_issued(issuer: Certificate, certificate: Certificate) -> bool:
    wanted, offered = certificate.authority_key_identifier, issuer.subject_key_identifier
    return issuer.is_ca and issuer.subject == certificate.issuer and (not wanted or not offered or wanted == offered)
