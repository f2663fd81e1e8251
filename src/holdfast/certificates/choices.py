"""
The certificates of a presented chain that can be imported, and what each choice means. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from holdfast.certificates.certificate import Certificate


class ChainRole(StrEnum):
    """The role of a certificate in the chain that a backend presents."""

    LEAF = "leaf"
    INTERMEDIATE = "intermediate"
    ROOT = "root"


@dataclass(frozen=True, slots=True)
class Choice:
    """A certificate that could be the trust anchor, and the consequences of trusting it."""

    kind: ChainRole
    certificate: Certificate
    sentence: str


_ROOT = (
    "Trusts every certificate for the endpoint's host issued by this CA or a CA below it. "
    "Renewals need no action here. An attacker would need one of these CAs to issue a certificate."
)
_INTERMEDIATE = (
    "Trusts every certificate for the endpoint's host issued by this CA. "
    "Renewals by the same CA need no action here. An attacker would need this CA to issue a certificate."
)
_LEAF = (
    "Trusts only this certificate. You'll need to import each renewal before the backend starts using it. "
    "An attacker would need the backend's private key."
)
_SELF_SIGNED = (
    "Self-signed, so it's the only option. You'll need to import each renewal before the backend starts using it. "
    "An attacker would need the backend's private key."
)


def get_role(chain: Sequence[Certificate], position: int) -> ChainRole:
    """Return the role of the certificate at *position* in *chain*, the backend's own certificate first."""
    if position == 0:
        return ChainRole.LEAF
    return ChainRole.ROOT if chain[position].is_self_issued else ChainRole.INTERMEDIATE


def list_choices(chain: Sequence[Certificate]) -> tuple[Choice, ...]:
    """
    Return the certificates of *chain*, the backend's own first, that can be trust anchors: root, intermediate, leaf.

    The CAs are limited to the issuers of the backend's own certificate, whatever else is sent. Of several
    intermediates, only the topmost is offered, because it stands in for a root that isn't sent.
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
    Return the first certificate of *chain* (not empty) and its issuers, as far as they were sent.

    Issuers are matched by name and key identifier only; the gateway verifies signatures.
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
    authority_id, subject_id = certificate.authority_key_identifier, issuer.subject_key_identifier
    return (
        issuer.is_ca
        and issuer.subject == certificate.issuer
        and (not authority_id or not subject_id or authority_id == subject_id)
    )
