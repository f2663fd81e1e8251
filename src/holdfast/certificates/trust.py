"""
Trust sets: all that decides whether a backend is believed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

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
