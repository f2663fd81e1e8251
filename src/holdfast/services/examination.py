"""
What a backend that fails presents, and which field of it differs from what is expected.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from holdfast.certificates.certificate import Certificate, read_certificate
from holdfast.certificates.comparison import Difference, compare
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.causes import Cause
from holdfast.probe import Presentation
from holdfast.services.probing import Probed

_CLIENT_CAUSES = {Cause.CLIENT_CERTIFICATE_REQUIRED, Cause.CLIENT_CERTIFICATE_REJECTED}


@dataclass(frozen=True, slots=True)
class Examination:
    """What a test of a failing backend showed; *cause* is what it says more than the gateway's words, None: nothing."""

    at: datetime  # aware, UTC
    presented: tuple[Certificate, ...]  # the backend's own first
    difference: Difference | None
    cause: Cause | None

    def refine(self, told: Cause) -> Cause:
        """Say more than *told*, where the gateway's words stand for several causes."""
        if told is Cause.UNKNOWN_ISSUER and self.cause is Cause.CHAIN_INCOMPLETE:
            return self.cause
        if told is Cause.OTHER and self.cause in _CLIENT_CAUSES:
            return self.cause
        return told


def examine_backend(probed: Probed, trust: TrustSet, now: datetime) -> Examination:
    """Compare what a backend presented in a test with what is trusted."""
    seen = probed.presented
    if not isinstance(seen, Presentation) or not seen.chain or probed.verdict.accepted:
        return Examination(now, seen.chain if isinstance(seen, Presentation) else (), None, None)
    mismatch = compare(seen.chain, trust, now, public_roots() if trust.public_roots else ())
    cause = probed.verdict.cause
    if mismatch and cause is Cause.UNKNOWN_ISSUER and mismatch.code == Cause.CHAIN_INCOMPLETE:
        cause = Cause.CHAIN_INCOMPLETE
    # What differs is told only where it is what the gateway refuses the backend for.
    difference = mismatch.difference if mismatch and mismatch.code == cause else None
    return Examination(now, seen.chain, difference, cause)


@cache
def public_roots() -> tuple[Certificate, ...]:
    """The public certification authorities that gateways believe."""
    every = x509.load_pem_x509_certificates(Path(certifi.where()).read_bytes())
    return tuple(read_certificate(each.public_bytes(Encoding.DER)) for each in every)
