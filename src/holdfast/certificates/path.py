"""
Where the chain that a backend presents leads to (RFC 5280, section 6.1). It says what is used, never what to believe:
that is the gateway's business.
"""

from collections.abc import Iterable, Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from holdfast.certificates.certificate import Certificate

MAX_CHAIN = 20  # certificates of a chain that are looked at; a backend decides how many it sends


def leads_to(chain: Sequence[Certificate], anchors: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """
    Find the anchors that the first certificate of *chain* leads to, in their order.

    The others of *chain* may come in any order; those that are not above the first are no part of a path. An anchor is
    led to when it is itself on such a path, or has issued a certificate that is.
    """
    path = _above(chain[:MAX_CHAIN])
    prints = {certificate.fingerprint for certificate in path}
    return tuple(
        anchor
        for anchor in anchors
        if anchor.fingerprint in prints or any(has_issued(anchor, certificate) for certificate in path)
    )


def has_issued(issuer: Certificate, certificate: Certificate) -> bool:
    """
    Say whether *issuer* has signed *certificate*: by name, key identifiers where both have them, and signature.

    Periods and constraints are not looked at.
    """
    if issuer.subject != certificate.issuer:
        return False
    wanted, offered = certificate.authority_key_identifier, issuer.subject_key_identifier
    if wanted and offered and wanted != offered:
        return False
    try:
        below, above = (x509.load_der_x509_certificate(side.der) for side in (certificate, issuer))
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _above(chain: Sequence[Certificate]) -> list[Certificate]:
    """The first certificate, and all of *chain* that are above it, by any way."""
    path = list(chain[:1])
    rest = list(chain[1:])
    for certificate in path:  # it grows while it is walked
        new = [candidate for candidate in rest if has_issued(candidate, certificate)]
        path += new
        rest = [candidate for candidate in rest if candidate not in new]
    return path
