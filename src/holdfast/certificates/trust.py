"""
Trust sets: all that decides whether a backend is believed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.identity import ReferenceIdentifier


@dataclass(frozen=True, slots=True)
class TrustSet:
    """
    The trust anchors (RFC 5280, section 6.1) of one origin and the name that its backend must present.

    No anchors means the public roots, never no verification.
    """

    anchors: tuple[Certificate, ...]  # by fingerprint, each once
    reference: ReferenceIdentifier

    @property
    def anchors_hash(self) -> str:
        """SHA-256 over the anchors' fingerprints, lower-case hex; the same for the same set in any order."""
        return hashlib.sha256("\n".join(c.fingerprint for c in self.anchors).encode()).hexdigest()


def trust_set(anchors: Iterable[Certificate], reference: ReferenceIdentifier) -> TrustSet:
    """Make the trust set of an origin from the certificates that were imported for it."""
    unique = {certificate.fingerprint: certificate for certificate in anchors}
    return TrustSet(tuple(unique[fingerprint] for fingerprint in sorted(unique)), reference)


def indistinguishable(certificates: Iterable[Certificate]) -> list[tuple[Certificate, Certificate]]:
    """
    Find the pairs of which a gateway would believe only one.

    Envoy's TLS library looks for an issuer by its subject and takes the first that fits; only key identifiers
    (RFC 5280, sections 4.2.1.1 and 4.2.1.2) tell two certificates of one subject apart. Measured on Envoy 1.40.
    """
    unique = {certificate.fingerprint: certificate for certificate in certificates}.values()
    return [pair for pair in combinations(unique, 2) if _collide(*pair)]


def _collide(one: Certificate, other: Certificate) -> bool:
    if one.subject != other.subject:
        return False
    if one.is_ca and other.is_ca and one.spki_fingerprint and one.spki_fingerprint == other.spki_fingerprint:
        return False  # a CA renewed with its key: what it signed is believed by either
    return any(
        mistaken.is_self_issued and _could_have_issued(candidate, mistaken)
        for candidate, mistaken in ((one, other), (other, one))
    ) or (one.is_ca and other.is_ca and not _have_different_keys(one, other))


def _could_have_issued(candidate: Certificate, certificate: Certificate) -> bool:
    wanted, offered = certificate.authority_key_identifier, candidate.subject_key_identifier
    return not wanted or not offered or wanted == offered


def _have_different_keys(one: Certificate, other: Certificate) -> bool:
    identifiers = (one.subject_key_identifier, other.subject_key_identifier)
    return all(identifiers) and identifiers[0] != identifiers[1]
