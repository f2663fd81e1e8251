"""
The anchors that a presented chain leads to (RFC 5280, section 6.1). This shows which anchors are in use; only the
gateway decides what to trust.
"""

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from holdfast.certificates.certificate import Certificate

MAX_CHAIN = 20  # certificates read from a chain; a backend can send any number


def leads_to(chain: Sequence[Certificate], anchors: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """
    Return the anchors that the first certificate of *chain* leads to, in the order of *anchors*.

    The other certificates of *chain* may be in any order; those that aren't issuers of the first are ignored. A path
    leads to an anchor if the anchor is on it, or issued a certificate on it.
    """
    path = _list_above(chain[:MAX_CHAIN])
    prints = {certificate.fingerprint for certificate in path}
    return tuple(
        anchor
        for anchor in anchors
        if anchor.fingerprint in prints or any(has_issued(anchor, certificate) for certificate in path)
    )


def has_issued(issuer: Certificate, certificate: Certificate) -> bool:
    """
    Return whether *issuer* signed *certificate*, by name, key identifiers if both have them, and signature.

    Validity periods and constraints are not checked.
    """
    if issuer.subject != certificate.issuer:
        return False
    authority_id, subject_id = certificate.authority_key_identifier, issuer.subject_key_identifier
    if authority_id and subject_id and authority_id != subject_id:
        return False
    try:
        below, above = (x509.load_der_x509_certificate(side.der) for side in (certificate, issuer))
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _list_above(chain: Sequence[Certificate]) -> list[Certificate]:
    """Return the first certificate and all of its issuers in *chain*, on any path."""
    path = list(chain[:1])
    rest = list(chain[1:])
    for certificate in path:  # the list grows during the loop
        new = [candidate for candidate in rest if has_issued(candidate, certificate)]
        path += new
        rest = [candidate for candidate in rest if candidate not in new]
    return path
