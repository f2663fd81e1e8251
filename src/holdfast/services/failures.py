"""
Why backends are not reached: what the gateways told, by API and environment.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.apis.api import Api
from holdfast.apis.endpoint import ENVIRONMENTS, Environment
from holdfast.gateway.access_log import FailedRequest
from holdfast.gateway.causes import EXPLANATIONS, Cause, Explanation, cause_of, presented_names
from holdfast.gateway.routes import cluster_name

MAX_CLUSTERS = 10_000


@dataclass(frozen=True, slots=True)
class Failure:
    """The last cause why requests to a backend failed, since when and how often."""

    cause: Cause
    since: datetime
    last: datetime
    count: int
    reason: str  # Envoy's words
    request_id: str  # of the last one

    @property
    def explanation(self) -> Explanation:
        """What it means and what to do."""
        found = EXPLANATIONS[self.cause]
        names = presented_names(self.reason)
        return replace(found, sentence=f"{found.sentence} It is for {names}.") if names else found


class Failures:
    """The last failure of each backend; what succeeded is not told, so nothing here says how it is now."""

    def __init__(self, tell: Callable[[], None]) -> None:
        """*tell* is called after each failure that was written down."""
        self._tell = tell
        self._failures: dict[str, Failure] = {}
        self._forgotten: dict[str, datetime] = {}

    def record(self, request: FailedRequest) -> None:
        """Write down a failed request, unless its backend or trust was changed after it began."""
        cluster = request.cluster
        forgotten = self._forgotten.get(cluster)
        if forgotten is not None and request.at < forgotten:
            return
        cause = cause_of(request.reason, timed_out=request.timed_out, without_host=request.without_host)
        before = self._failures.pop(cluster, None)
        first = before is None or before.cause is not cause
        self._failures[cluster] = Failure(
            cause=cause,
            since=request.at if before is None or first else before.since,
            last=request.at,
            count=1 if before is None or first else before.count + 1,
            reason=request.reason,
            request_id=request.request_id,
        )
        if len(self._failures) > MAX_CLUSTERS:
            self._failures.pop(next(iter(self._failures)))
        self._tell()

    def forget(self, organization: str, api_id: str, now: datetime) -> None:
        """Forget the failures of an API for which a change is in force: they say nothing any more."""
        for environment in ENVIRONMENTS:
            cluster = cluster_name(organization, api_id, environment)
            self._failures.pop(cluster, None)
            self._forgotten.pop(cluster, None)
            self._forgotten[cluster] = now
        while len(self._forgotten) > MAX_CLUSTERS:
            self._forgotten.pop(next(iter(self._forgotten)))

    def of(self, api: Api) -> dict[Environment, Failure]:
        """The last failure of each backend of *api* that has one."""
        names = {environment: cluster_name(api.organization, api.id, environment) for environment in ENVIRONMENTS}
        return {e: failure for e, name in names.items() if (failure := self._failures.get(name))}
