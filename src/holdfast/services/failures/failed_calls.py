"""
Single failed requests: the details of each, and a bounded store of the last ones by organization and request id.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.catalog.endpoint import Environment
from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.causes import Cause
from holdfast.gateway.failures.evidence import Evidence
from holdfast.gateway.failures.explanation import Explanation
from holdfast.gateway.failures.explanations import explain
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.services.failures.backend_probe import BackendProbe

MAX_REQUESTS = 10_000
MAX_REQUESTS_OF_BACKEND = 200  # so that one that always fails doesn't push out all others
MAX_REJECTIONS_WITHOUT_API = 2_000
NOBODY = ""  # the organization of requests that reached no API


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A request that failed at the gateway or the backend, and why; without a route, it belongs to no API."""

    organization: str  # empty if no API was reached, as are the next two
    api_id: str
    environment: Environment | None
    gateway: str
    upstream: str  # address and port of the backend; empty if none was chosen
    reported_cause: Cause  # derived only from the gateway's words
    evidence: Evidence
    request_id: str
    at: datetime
    limits: BackendLimits = DEFAULT_LIMITS
    probe: BackendProbe | None = None  # a test of the backend since then
    trace_id: str = ""  # empty: the gateway sends no traces
    member: str = ""  # the origin of the chosen member of a group
    is_attempt: bool = False  # the gateway may have sent the request to another member afterwards

    @property
    def cause(self) -> Cause:
        """The code, as precise as possible."""
        return self.probe.refine(self.reported_cause) if self.probe else self.reported_cause

    @property
    def place(self) -> str:
        """Where it failed: the gateway and, in a group, the member."""
        return f"{self.gateway} {self.member}" if self.member else self.gateway

    @property
    def explanation(self) -> Explanation:
        """The meaning of the cause, and what to do."""
        if self.probe and (explanation := self.probe.explain(self.reported_cause)):
            return explanation
        words = self.evidence.words if self.cause is Cause.OTHER else self.evidence.reason
        return explain(self.cause, words, self.limits)

    @property
    def reason(self) -> str:
        """Envoy's description of the failure; empty only if it has none."""
        return self.evidence.reason or self.evidence.details


class FailedCalls:
    """The last failed requests, by organization and request id; a bounded number per backend."""

    def __init__(self, of_backend: int) -> None:
        self._max_of_backend = of_backend
        # With the cluster; the oldest first.
        self._calls: OrderedDict[tuple[str, str], tuple[str, FailedCall]] = OrderedDict()
        self._of_cluster: dict[str, deque[tuple[str, str]]] = {}  # keys, the oldest first

    def add(self, cluster: str, call: FailedCall) -> None:
        """Store *call* unless there is one with its id, so that nobody can overwrite a request."""
        key = call.organization, call.request_id
        if not call.request_id or key in self._calls:
            return
        self._calls[key] = cluster, call
        keys = self._of_cluster.setdefault(cluster, deque())
        keys.append(key)
        if len(keys) > self._max_of_backend:
            self._calls.pop(keys.popleft())
        if len(self._calls) > MAX_REQUESTS:
            _, (cluster, _) = self._calls.popitem(last=False)
            # Both are in order of arrival, so the oldest of all is the oldest of its cluster.
            self._of_cluster[cluster].popleft()
            if not self._of_cluster[cluster]:
                self._of_cluster.pop(cluster)

    def find(self, organization: str, request_id: str) -> FailedCall | None:
        """Return the request of an organization with this id."""
        entry = self._calls.get((organization, request_id))
        return entry[1] if entry else None


def describe_call(
    owner: tuple[str, str, Environment] | None, request: FailedRequest, reported_cause: Cause, limits: BackendLimits
) -> FailedCall:
    """Build the record of a failed request; *owner* (organization, API, environment) is None if no route was chosen."""
    organization, api_id, environment = owner or (NOBODY, "", None)
    return FailedCall(
        organization=organization,
        api_id=api_id,
        environment=environment,
        gateway=request.gateway,
        upstream=request.upstream,
        reported_cause=reported_cause,
        evidence=request.evidence,
        request_id=request.request_id,
        at=request.at,
        limits=limits,
        trace_id=request.trace_id,
        member=request.member,
        is_attempt=request.is_attempt,
    )
