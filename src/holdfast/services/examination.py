"""
What a backend that fails presents, and which field of it differs from what is expected.
"""

from dataclasses import dataclass
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.comparison import Difference, compare
from holdfast.certificates.trust import TrustSet
from holdfast.gateway.causes import Cause
from holdfast.gateway.public_roots import public_roots
from holdfast.probe import Presentation
from holdfast.services.probing import Probed

# A client certificate that is missing or not accepted looks like this in TLS 1.3, and so does a backend that restarts.
_ENDS = {Cause.CLOSED_BEFORE_RESPONSE, Cause.OTHER}
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
        if told in _ENDS and self.cause in _CLIENT_CAUSES:
            return self.cause
        return told


def examine_backend(probed: Probed, trust: TrustSet, now: datetime) -> Examination:
    """Compare what a backend presented in a test with what is trusted."""
    seen, verdict = probed.presented, probed.verdict
    if not isinstance(seen, Presentation) or not seen.chain or verdict.accepted:
        return Examination(now, seen.chain if isinstance(seen, Presentation) else (), None, None)
    # What differs is told only where it is what the gateway refuses the backend for.
    mismatch = compare(seen.chain, trust, now, public_roots() if trust.public_roots else ())
    difference = mismatch.difference if mismatch and mismatch.code == verdict.cause else None
    return Examination(now, seen.chain, difference, verdict.cause)
