"""
The results of a test and of a check of a backend.
"""

from dataclasses import dataclass
from http import HTTPStatus

from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.certificates.findings.examination import Finding
from holdfast.gateway.failures.explanation import Explanation
from holdfast.network.presentation import FailedHandshake, Presentation
from holdfast.services.probing.acceptance import STILL_PRESENTED, Acceptance
from holdfast.services.probing.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class ProbeOutcome:
    """The result of a test: what a backend presents, findings about it, and the gateway's verdict."""

    endpoint: Endpoint
    presentation: Presentation | FailedHandshake
    verdict: Verdict
    findings: tuple[Finding, ...]
    acceptance: Acceptance
    gateway: str  # the name of the gateway that was asked

    @property
    def explanation(self) -> Explanation:
        """The result of the test and what to do."""
        explanation = self.verdict.explanation
        if self.acceptance.needs_removed:
            return Explanation(explanation.sentence, STILL_PRESENTED)
        return Explanation(self.acceptance.sentence or explanation.sentence, explanation.remedy, explanation.action)


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """The status of the backend's response to a HEAD request; 0 and a *refusal* if there was none."""

    endpoint: Endpoint
    status: int
    refusal: Verdict | None
    gateway: str  # the name of the gateway that was asked

    @property
    def phrase(self) -> str:
        """The standard reason phrase of the status; empty if it has none."""
        return HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else ""
