"""
What a backend that fails presents, and which field of it differs from what is expected.
"""

from dataclasses import dataclass
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.comparison import Difference
from holdfast.certificates.presented import Unreadable
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanations import Explanation
from holdfast.network.backend import Presentation
from holdfast.services.probing.outcomes import Probed
from holdfast.services.probing.verdicts import Verdict

# A client certificate that is missing or not accepted looks like this in TLS 1.3, and so does a backend that restarts.
_ENDS = {Cause.CLOSED_BEFORE_RESPONSE, Cause.OTHER}
_CLIENT_CAUSES = {Cause.CLIENT_CERTIFICATE_REQUIRED, Cause.CLIENT_CERTIFICATE_REJECTED}


@dataclass(frozen=True, slots=True)
class BackendProbe:
    """What a test of a failing backend showed, and the gateway's verdict in it."""

    at: datetime  # aware, UTC
    presented: tuple[Certificate, ...]  # the backend's own first, unless it can't be read
    verdict: Verdict
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def difference(self) -> Difference | None:
        """The field for which the gateway rejects the backend; None where no comparison shows it."""
        return self.verdict.faults[0].difference if self.verdict.faults else None

    def refine(self, told: Cause) -> Cause:
        """Say more than *told*, where the gateway said the same in the test, or stands for several causes."""
        cause = self.verdict.cause
        if cause and (self.explains(told) or (told in _ENDS and cause in _CLIENT_CAUSES)):
            return cause
        return told

    def explanation(self, told: Cause) -> Explanation | None:
        """Explain a failure of which the gateway *told*, with what the backend presents; None: not by this test."""
        return self.verdict.advice if self.explains(told) else None

    def explains(self, told: Cause) -> bool:
        """Say whether the gateway said the same in the test as it *told* of a failure."""
        return bool(self.verdict.faults) and told is self.verdict.told


def record_probe(probed: Probed, now: datetime) -> BackendProbe:
    """Keep what a backend presented in a test, and the verdict."""
    seen = probed.presented
    if not isinstance(seen, Presentation):
        return BackendProbe(now, (), probed.verdict)
    readable = tuple(certificate for certificate, _ in seen.presented.with_roles)
    return BackendProbe(now, readable, probed.verdict, seen.presented.unreadable)
