"""
Trust sets of origins with default trust settings.
"""

from collections.abc import Iterable

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.identity import ReferenceIdentifier
from holdfast.certificates.trust import TrustSet, deduplicate


def trust_set(anchors: Iterable[Certificate], reference: ReferenceIdentifier) -> TrustSet:
    """Make the trust set of an origin from the certificates that were imported for it."""
    return TrustSet(deduplicate(anchors), reference)
