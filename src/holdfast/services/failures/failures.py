"""
Failures that gateways reported, by API, environment and gateway.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.causes import NOT_OF_BACKENDS, Cause
from holdfast.gateway.failures.explanations import Explanation
from holdfast.gateway.failures.http_causes import find_cause
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.routes import cluster_name, read_cluster_name
from holdfast.services.failures.backend_probe import BackendProbe
from holdfast.services.failures.failed_calls import (
    MAX_REJECTIONS_WITHOUT_API,
    MAX_REQUESTS_OF_BACKEND,
    NOBODY,
    FailedCall,
    FailedCalls,
    describe_call,
)

MAX_FAILURES = 10_000  # of all backends at all gateways
MAX_FORGOTTEN = 10_000
MAX_PROBES = 1_000


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failure of a backend at a gateway: the request, since when, and how often."""

    latest: FailedCall
    since: datetime
    count: int

    @property
    def cause(self) -> Cause:
        """The code."""
        return self.latest.cause

    @property
    def last(self) -> datetime:
        """When it was last seen."""
        return self.latest.at

    @property
    def reason(self) -> str:
        """Envoy's description of the failure."""
        return self.latest.reason

    @property
    def request_id(self) -> str:
        """The id of the last request."""
        return self.latest.request_id

    @property
    def explanation(self) -> Explanation:
        """The meaning of the cause, and what to do."""
        return self.latest.explanation


class Failures:
    """
    The last failure of each backend at each gateway. Gateways don't report successes, so a failure may be over.

    It is written on the event loop and read from threads.
    """

    def __init__(
        self,
        tell: Callable[[], None],
        now: Callable[[], datetime],
        presents_identity: Callable[[str], bool] = lambda _: False,
        limits: BackendLimits = DEFAULT_LIMITS,
    ) -> None:
        """
        *tell* is called after each recorded failure; *presents_identity* returns whether gateways present a client
        certificate to the backend of a cluster, by its name; *limits* are those of the gateways.
        """
        self._presents_identity = presents_identity
        self._limits = limits
        self.started_at = now()
        self._tell = tell
        self._lock = threading.Lock()
        # By cluster and gateway, the last to fail last.
        self._failures: OrderedDict[str, OrderedDict[str, Failure]] = OrderedDict()
        self._number = 0
        self._forgotten: dict[str, datetime] = {}
        self._probes: OrderedDict[tuple[str, str], BackendProbe] = OrderedDict()  # by cluster and gateway
        self._notice: Callable[[FailedCall], None] = lambda _: None
        self._notice_change: Callable[[str, str], None] = lambda *_: None
        self._requests = FailedCalls(MAX_REQUESTS_OF_BACKEND)
        # Kept separately: callers can cause these at will, and they must not push out requests that a backend failed.
        self._rejections = FailedCalls(MAX_REQUESTS_OF_BACKEND)
        self._rejections_without_api = FailedCalls(MAX_REJECTIONS_WITHOUT_API)

    def observe(self, failed: Callable[[FailedCall], None], changed: Callable[[str, str], None]) -> None:
        """
        Call *failed*, on the event loop, with each request that failed because of its backend.

        *changed* is called with an organization and the API whose failures were forgotten.
        """
        self._notice, self._notice_change = failed, changed

    def keep_probe(self, call: FailedCall, probe: BackendProbe, began: datetime) -> None:
        """Record a test of the backend of *call* by its gateway, unless the API was changed after the test *began*."""
        cluster = _cluster(call)
        with self._lock:
            forgotten = self._forgotten.get(cluster)
            if call.gateway not in self._failures.get(cluster, ()) or (forgotten is not None and began < forgotten):
                return
            self._probes[cluster, call.gateway] = probe
            self._probes.move_to_end((cluster, call.gateway))
            if len(self._probes) > MAX_PROBES:
                self._probes.popitem(last=False)
        self._tell()

    def record(self, request: FailedRequest) -> None:
        """
        Record a failed request; it doesn't count for its backend if a later change is already in force.

        Requests that failed for other reasons can be found by request id, but don't count as failures of the backend.
        """
        owner = read_cluster_name(request.cluster)
        if request.cluster and owner is None:
            return
        reported_cause = find_cause(
            request.evidence,
            self._limits.header_kib,
            presents_identity=self._presents_identity(request.cluster),
        )
        call = describe_call(owner, request, reported_cause, self._limits)
        if owner is None or reported_cause in NOT_OF_BACKENDS:
            with self._lock:
                (self._rejections if owner else self._rejections_without_api).add(request.cluster, call)
            return
        with self._lock:
            self._requests.add(request.cluster, call)
            forgotten = self._forgotten.get(request.cluster)
            if forgotten is not None and call.at < forgotten:
                return
            self._keep(request.cluster, call)
        self._notice(call)
        self._tell()

    def _keep(self, cluster: str, call: FailedCall) -> None:
        gateways = self._failures.pop(cluster, OrderedDict[str, Failure]())
        before = gateways.pop(call.gateway, None)
        if before and before.latest.reported_cause is call.reported_cause:
            # Gateways report requests in the order in which they end.
            latest = max(call, before.latest, key=lambda failed: failed.at)
            gateways[call.gateway] = Failure(latest, before.since, before.count + 1)
        else:
            gateways[call.gateway] = Failure(call, call.at, 1)
        self._failures[cluster] = gateways
        self._number += before is None
        if self._number > MAX_FAILURES:
            oldest, gateways = next(iter(self._failures.items()))
            gateways.popitem(last=False)
            if not gateways:
                self._failures.pop(oldest)
            self._number -= 1

    def forget(self, organization: str, api_id: str, now: datetime) -> None:
        """Forget the failures of an API, because a change of it is in force."""
        with self._lock:
            for environment in ENVIRONMENTS:
                cluster = cluster_name(organization, api_id, environment)
                for gateway in self._failures.pop(cluster, ()):
                    self._number -= 1
                    self._probes.pop((cluster, gateway), None)
                self._forgotten.pop(cluster, None)
                self._forgotten[cluster] = now
            while len(self._forgotten) > MAX_FORGOTTEN:
                self._forgotten.pop(next(iter(self._forgotten)))
        self._notice_change(organization, api_id)

    def of(self, api: Api) -> dict[Environment, Failure]:
        """Return the last failure of each backend of *api* that has one, over all gateways."""
        failures = self.of_api(api)
        return {environment: max(latest, key=lambda failure: failure.last) for environment, latest in failures.items()}

    def of_api(self, api: Api) -> dict[Environment, list[Failure]]:
        """Return the last failures of each backend of *api* that has any, one for each gateway."""
        names = {environment: cluster_name(api.organization, api.id, environment) for environment in ENVIRONMENTS}
        with self._lock:
            by_environment = {environment: self._of_cluster(name) for environment, name in names.items()}
        return {environment: failures for environment, failures in by_environment.items() if failures}

    def of_organization(self, organization: str) -> list[Failure]:
        """Return all last failures of an organization, those that began last first."""
        with self._lock:
            every = [failure for cluster in self._failures for failure in self._of_cluster(cluster)]
        own = [failure for failure in every if failure.latest.organization == organization]
        return sorted(own, key=lambda failure: failure.since, reverse=True)

    def request(self, organization: str, request_id: str) -> FailedCall | None:
        """Return one of the last failed requests of an organization, or one that reached no API."""
        with self._lock:
            call = self._requests.find(organization, request_id)
            if call is None:
                rejected = self._rejections.find(organization, request_id)
                return rejected or self._rejections_without_api.find(NOBODY, request_id)
            return replace(call, probe=self._probes.get((_cluster(call), call.gateway)))

    def _of_cluster(self, cluster: str) -> list[Failure]:
        return [
            replace(failure, latest=replace(failure.latest, probe=self._probes.get((cluster, gateway))))
            for gateway, failure in self._failures.get(cluster, {}).items()
        ]


def _cluster(call: FailedCall) -> str:
    return cluster_name(call.organization, call.api_id, call.environment) if call.environment else ""
