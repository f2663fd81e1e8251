"""
What a test and a check of a backend come to.
"""

from dataclasses import dataclass
from http import HTTPStatus

from holdfast.apis.catalog.endpoint import Endpoint
from holdfast.certificates.findings.examination import Finding
from holdfast.gateway.failures.explanations import Explanation
from holdfast.network.backend import Presentation, Unseen
from holdfast.services.probing.acceptance import STILL_PRESENTED, Acceptance
from holdfast.services.probing.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Probed:
    """What a backend presents, what is noticed about that, and the gateway's verdict."""

    endpoint: Endpoint
    presented: Presentation | Unseen
    verdict: Verdict
    findings: tuple[Finding, ...]
    acceptance: Acceptance

    @property
    def explanation(self) -> Explanation:
        """What came of the test and what to do."""
        explanation = self.verdict.explanation
        if self.acceptance.needs_ended:
            return Explanation(explanation.sentence, STILL_PRESENTED)
        return Explanation(self.acceptance.sentence or explanation.sentence, explanation.remedy, explanation.action)


@dataclass(frozen=True, slots=True)
class Checked:
    """The status that a backend answered a HEAD request with; 0 and a *refusal* where it did not."""

    endpoint: Endpoint
    status: int
    refusal: Verdict | None = None

    @property
    def phrase(self) -> str:
        """What the standard calls the status, whatever the backend does; empty where it calls it nothing."""
        return HTTPStatus(self.status).phrase if self.status in set(HTTPStatus) else ""
