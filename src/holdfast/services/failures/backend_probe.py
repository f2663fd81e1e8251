"""
The result of testing a failing backend: what it presents, and which field differs from what is expected.
"""

from dataclasses import dataclass
from datetime import datetime

from holdfast.certificates.certificate import Certificate
from holdfast.certificates.certificate_list import UnreadableEntry
from holdfast.certificates.comparison import Difference
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.explanation import Explanation
from holdfast.network.presentation import Presentation
from holdfast.services.probing.outcomes import ProbeOutcome
from holdfast.services.probing.verdicts import Verdict

# In TLS 1.3, a missing or rejected client certificate looks like this, and so does a backend that restarts.
_ENDS = {Cause.CLOSED_BEFORE_RESPONSE, Cause.OTHER}
_CLIENT_CAUSES = {Cause.CLIENT_CERTIFICATE_REQUIRED, Cause.CLIENT_CERTIFICATE_REJECTED}


@dataclass(frozen=True, slots=True)
class BackendProbe:
    """A test of a failing backend: what it presented, and the gateway's verdict."""

    at: datetime  # aware, UTC
    presented: tuple[Certificate, ...]  # the backend's own first, unless it can't be read
    verdict: Verdict
    unreadable: tuple[UnreadableEntry, ...] = ()

    @property
    def difference(self) -> Difference | None:
        """The field for which the gateway rejects the backend; None if no comparison shows it."""
        return self.verdict.faults[0].difference if self.verdict.faults else None

    def refine(self, reported_cause: Cause) -> Cause:
        """Return the test's cause if it confirms *reported_cause* or is more precise, else *reported_cause*."""
        cause = self.verdict.cause
        if cause and (self.confirms(reported_cause) or (reported_cause in _ENDS and cause in _CLIENT_CAUSES)):
            return cause
        return reported_cause

    def explain(self, reported_cause: Cause) -> Explanation | None:
        """Return an explanation of *reported_cause*; None if what the backend presents doesn't explain it."""
        return self.verdict.advice if self.confirms(reported_cause) else None

    def confirms(self, reported_cause: Cause) -> bool:
        """Return whether the test had the same *reported_cause* and found faults of certificates."""
        return bool(self.verdict.faults) and reported_cause is self.verdict.reported_cause


def record_probe(outcome: ProbeOutcome, now: datetime) -> BackendProbe:
    """Return what to keep of a test: what the backend presented, and the verdict."""
    presentation = outcome.presentation
    if not isinstance(presentation, Presentation):
        return BackendProbe(now, (), outcome.verdict)
    readable = tuple(certificate for certificate, _ in presentation.certificates.with_roles)
    return BackendProbe(now, readable, outcome.verdict, presentation.certificates.unreadable)
