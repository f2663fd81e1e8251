"""
Failures that gateways reported, by API, environment, gateway and member of a group.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.causes import NOT_OF_BACKENDS, Cause
from holdfast.gateway.failures.http_causes import find_cause, is_attempt_reported
from holdfast.gateway.failures.token_problem import TokenProblem, name_cause
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS, BackendLimits
from holdfast.gateway.resources.cluster_names import name_cluster, read_cluster_name
from holdfast.services.failures.backend_probe import BackendProbe
from holdfast.services.failures.failed_calls import (
    MAX_REJECTIONS_WITHOUT_API,
    MAX_REQUESTS_OF_BACKEND,
    NOBODY,
    FailedCall,
    FailedCalls,
    describe_call,
)
from holdfast.services.failures.failure import Failure, Key

# How gateways fail if they refuse every backend: over TLS, or before that if they would sign in to it.
_OF_REFUSALS = {Cause.PIN_MISMATCH, Cause.SIGN_IN_FAILED}
MAX_FAILURES = 10_000  # of all backends at all gateways
MAX_FORGOTTEN = 10_000
MAX_PROBES = 1_000


class Sharing(Protocol):
    """Passes failures on to other control planes; it is called on the event loop."""

    def take_failure(self, key: Key) -> None:
        """A gateway of this control plane has reported a failure."""

    def take_probe(self, key: Key) -> None:
        """A failing backend was tested, or its test was forgotten."""

    def take_end(self, key: Key) -> None:
        """A failure was forgotten."""


class Failures:
    """
    The last failure of each backend, and of each member of a group, at each gateway. It may be over: gateways don't
    report successes.

    Those of other control planes are included. It is written on the event loop and read from threads.
    """

    def __init__(
        self,
        tell: Callable[[], None],
        now: Callable[[], datetime],
        presents_identity: Callable[[str, str], bool] = lambda *_: False,
        limits: BackendLimits = DEFAULT_LIMITS,
        find_token_problem: Callable[[str, str], TokenProblem | None] = lambda *_: None,
        refuses_backend: Callable[[str, str], bool] = lambda *_: False,
    ) -> None:
        """
        *tell* is called after each recorded failure; *presents_identity* returns whether gateways present a client
        certificate to the backend of a cluster, by its name and a member's origin; *limits* are those of gateways.
        *find_token_problem* returns why a gateway, by its name, has no access token for a cluster. *refuses_backend*
        returns whether gateways refuse every backend of a cluster or member, because what is stored for it can't be
        read.
        """
        self._presents_identity = presents_identity
        self._limits = limits
        self._find_token_problem = find_token_problem
        self._refuses_backend = refuses_backend
        self.started_at = now()
        self._tell = tell
        self._lock = threading.Lock()
        # By cluster and place, the last to fail last.
        self._failures: OrderedDict[str, OrderedDict[str, Failure]] = OrderedDict()
        self._number = 0
        self._forgotten: dict[str, datetime] = {}
        self._probes: OrderedDict[tuple[str, str], BackendProbe] = OrderedDict()  # by cluster and place
        self._notice: Callable[[FailedCall], None] = lambda _: None
        self._notice_change: Callable[[str, str], None] = lambda *_: None
        self._sharing: Sharing | None = None
        self._requests = FailedCalls(MAX_REQUESTS_OF_BACKEND)
        # Attempts at a member, for requests that another member answered.
        self._attempts = FailedCalls(MAX_REQUESTS_OF_BACKEND)
        # Kept separately: callers can cause these at will, and they must not push out requests that a backend failed.
        self._rejections = FailedCalls(MAX_REQUESTS_OF_BACKEND)
        self._rejections_without_api = FailedCalls(MAX_REJECTIONS_WITHOUT_API)

    def observe(self, on_failure: Callable[[FailedCall], None], on_change: Callable[[str, str], None]) -> None:
        """
        Call *on_failure*, on the event loop, with each request that failed because of its backend.

        *on_change* is called with an organization and the API whose failures were forgotten.
        """
        self._notice, self._notice_change = on_failure, on_change

    def share(self, sharing: Sharing) -> None:
        """Call *sharing* with everything that changes from now on, except by `take`."""
        self._sharing = sharing

    def keep_probe(self, call: FailedCall, probe: BackendProbe, began: datetime) -> None:
        """Record a test of the backend of *call* by its gateway, unless the API was changed after the test *began*."""
        cluster = _name_cluster(call)
        with self._lock:
            forgotten = self._forgotten.get(cluster)
            if call.place not in self._failures.get(cluster, ()) or (forgotten is not None and began < forgotten):
                return
            self._put_probe((cluster, call.place), probe)
        if self._sharing:
            self._sharing.take_probe((cluster, call.place))
        self._tell()

    def record(self, request: FailedRequest) -> FailedCall | None:
        """
        Record a failed request, and return it; it doesn't count for its backend if a later change is already in force.

        Requests that failed for other reasons can be found by request id, but don't count as failures of the backend.
        """
        owner = read_cluster_name(request.cluster)
        if request.cluster and owner is None:
            return None
        reported_cause = find_cause(
            request.evidence,
            self._limits.header_kib,
            presents_identity=self._presents_identity(request.cluster, request.member),
        )
        if reported_cause in _OF_REFUSALS and self._refuses_backend(request.cluster, request.member):
            reported_cause = Cause.STORED_DATA_UNREADABLE
        if reported_cause is Cause.SIGN_IN_FAILED and owner:
            problem = self._find_token_problem(request.gateway, name_cluster(*owner))
            reported_cause, evidence = name_cause(reported_cause, request.evidence, problem)
            request = replace(request, evidence=evidence)
        call = describe_call(owner, request, reported_cause, self._limits)
        if owner is None or not self._is_of_backend(request, reported_cause):
            with self._lock:
                (self._rejections if owner else self._rejections_without_api).add(request.cluster, call)
            return call
        with self._lock:
            (self._attempts if call.is_attempt else self._requests).add(request.cluster, call)
            forgotten = self._forgotten.get(request.cluster)
            if forgotten is not None and call.at < forgotten:
                return call
            self._keep(request.cluster, call)
        if self._sharing:
            self._sharing.take_failure((request.cluster, call.place))
        self._notice(call)
        self._tell()
        return call

    def _is_of_backend(self, request: FailedRequest, cause: Cause) -> bool:
        """Return whether a request counts as a failure of its backend, rather than of its caller."""
        if cause is Cause.BACKEND_SUSPENDED:
            # The failure before the suspension says more. If it isn't known, the host may also have no address.
            before = self._failures.get(request.cluster, OrderedDict[str, Failure]())
            failures = (failure.latest for failure in before.values() if failure.latest.gateway == request.gateway)
            return all(latest.reported_cause is cause for latest in failures)
        return cause not in NOT_OF_BACKENDS

    def _keep(self, cluster: str, call: FailedCall) -> None:
        key = cluster, call.place
        before = self.get(key)
        # An attempt is reported on its own, too, so that the request must not count twice.
        number = int(not call.member or call.is_attempt or not is_attempt_reported(call.evidence))
        if before and before.latest.reported_cause is call.reported_cause:
            # Gateways report requests in the order in which they end.
            latest = max(call, before.latest, key=lambda candidate: candidate.at)
            self._put(key, Failure(latest, before.since, before.count + number))
        else:
            self._put(key, Failure(call, call.at, number))

    def _put(self, key: Key, failure: Failure) -> None:
        cluster, place = key
        places: OrderedDict[str, Failure] = self._failures.pop(cluster, OrderedDict())
        self._number += places.pop(place, None) is None
        places[place] = failure
        self._failures[cluster] = places
        if self._number > MAX_FAILURES:
            oldest = next(iter(self._failures))
            self._pop((oldest, next(iter(self._failures[oldest]))))

    def _put_probe(self, key: Key, probe: BackendProbe) -> None:
        self._probes[key] = probe
        self._probes.move_to_end(key)
        if len(self._probes) > MAX_PROBES:
            oldest, _ = self._probes.popitem(last=False)
            if self._sharing:
                self._sharing.take_probe(oldest)

    def _pop(self, key: Key) -> None:
        cluster, place = key
        places = self._failures[cluster]
        del places[place]
        if not places:
            del self._failures[cluster]
        self._number -= 1
        self._probes.pop(key, None)
        if self._sharing:
            self._sharing.take_end(key)

    def forget(self, organization: str, api_id: str, now: datetime) -> None:
        """Forget the failures of an API, because a change of it is in force."""
        with self._lock:
            for environment in ENVIRONMENTS:
                cluster = name_cluster(organization, api_id, environment)
                for place in list(self._failures.get(cluster, ())):
                    self._pop((cluster, place))
                self._forgotten.pop(cluster, None)
                self._forgotten[cluster] = now
            while len(self._forgotten) > MAX_FORGOTTEN:
                self._forgotten.pop(next(iter(self._forgotten)))
        self._notice_change(organization, api_id)

    def get(self, key: Key) -> Failure | None:
        """Return the failure of a backend at a gateway, without a test."""
        places = self._failures.get(key[0])
        return places.get(key[1]) if places else None

    def probe(self, key: Key) -> BackendProbe | None:
        """Return the test of a failing backend from a gateway."""
        return self._probes.get(key)

    def take(self, failures: Mapping[Key, Failure], probes: Mapping[Key, BackendProbe], ends: Collection[Key]) -> None:
        """Take what has changed at other control planes, and forget the failures with the keys *ends*."""
        with self._lock:
            for key in ends:
                if self.get(key):
                    self._pop(key)
            for key, failure in failures.items():
                before = self.get(key)
                if before is None or (before.last, before.count) <= (failure.last, failure.count):
                    self._put(key, failure)
            for key, probe in probes.items():
                if self.get(key):
                    self._put_probe(key, probe)
        for organization, api_id, _ in filter(None, map(read_cluster_name, {cluster for cluster, _ in ends})):
            self._notice_change(organization, api_id)
        self._tell()

    def find_by_endpoint(self, api: Api) -> dict[tuple[Environment, str], Failure]:
        """
        Return the last failure of each endpoint of *api* that has one, over all gateways.

        Keys are the environment and the origin of the member, which is empty if there is no group.
        """
        failures = [(environment, failure) for environment, group in self.list_of_api(api).items() for failure in group]
        failures.sort(key=lambda pair: pair[1].last)
        return {(environment, failure.latest.member): failure for environment, failure in failures}

    def list_of_api(self, api: Api) -> dict[Environment, list[Failure]]:
        """Return the last failures of each backend of *api* that has any, one for each gateway and member."""
        names = {environment: name_cluster(api.organization, api.id, environment) for environment in ENVIRONMENTS}
        with self._lock:
            by_environment = {environment: self._list_of_cluster(name) for environment, name in names.items()}
        return {environment: failures for environment, failures in by_environment.items() if failures}

    def list_of_organization(self, organization: str) -> list[Failure]:
        """Return all last failures of an organization, those that began last first."""
        with self._lock:
            all_failures = [failure for cluster in self._failures for failure in self._list_of_cluster(cluster)]
        own = [failure for failure in all_failures if failure.latest.organization == organization]
        return sorted(own, key=lambda failure: failure.since, reverse=True)

    def list_causes(self, organization: str) -> dict[str, Cause]:
        """Return the cause of the last failure of each API of an organization that has one, by its id."""
        with self._lock:
            all_failures = [failure for cluster in self._failures for failure in self._list_of_cluster(cluster)]
        own = (failure for failure in all_failures if failure.latest.organization == organization)
        return {failure.latest.api_id: failure.cause for failure in sorted(own, key=lambda failure: failure.last)}

    def find_request(self, organization: str, request_id: str) -> FailedCall | None:
        """Return one of the last failed requests of an organization, or one that reached no API."""
        with self._lock:
            call = self._requests.find(organization, request_id)
            if call is None:
                rejection = self._rejections.find(organization, request_id)
                rejection = rejection or self._rejections_without_api.find(NOBODY, request_id)
                call = rejection or self._attempts.find(organization, request_id)
        return self.add_probe(call) if call else None

    def add_probe(self, call: FailedCall) -> FailedCall:
        """Return *call* with the last test of its backend from its gateway."""
        return replace(call, probe=self._probes.get((_name_cluster(call), call.place)))

    def _list_of_cluster(self, cluster: str) -> list[Failure]:
        return [
            replace(failure, latest=replace(failure.latest, probe=self._probes.get((cluster, place))))
            for place, failure in self._failures.get(cluster, {}).items()
        ]


def _name_cluster(call: FailedCall) -> str:
    return name_cluster(call.organization, call.api_id, call.environment) if call.environment else ""
