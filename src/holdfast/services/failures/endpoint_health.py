"""
The health of an API's endpoints at each gateway that serves it: which of them get no requests, since when and why.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment
from holdfast.apis.enforcement import Enforcement, Progress
from holdfast.gateway.members.unhealthy import HealthCause, UnhealthyMember
from holdfast.gateway.resources.routes import list_target_clusters
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog.apis import find_full_api
from holdfast.services.gateways.statuses import GatewayStatus, Sources, list_reporting
from holdfast.services.publishing.enforcement import Enforcements
from holdfast.services.revisions.revisions import describe_revision, find_revision

_SENTENCES = {
    HealthCause.STATUS: "It answers health checks with status {status}.",
    HealthCause.CONNECTION: "Health checks can't connect to it, because of the network or its certificate.",
    HealthCause.TIMEOUT: "It doesn't answer health checks in time.",
    HealthCause.CHECK: "It fails health checks.",
    HealthCause.FAILURES: "Requests failed several times in a row; the gateway tries it again soon.",
}


class HealthState(StrEnum):
    """Whether a gateway sends requests to an endpoint."""

    AVAILABLE = "available"  # it passes health checks, if there are any, and isn't suspended
    UNHEALTHY = "unhealthy"  # it fails health checks
    SUSPENDED = "suspended"  # after failed requests
    NOT_REPORTED = "not-reported"


@dataclass(frozen=True, slots=True)
class HealthAtGateway:
    """
    The health of an endpoint at one gateway; one of *address*, if the endpoint is unhealthy there.

    *since* is aware (UTC), by the gateway's clock; None: unknown, or it is available.
    """

    gateway: str
    group: str
    state: HealthState
    since: datetime | None = None
    cause: HealthCause | None = None
    address: str = ""
    status: int = 0

    @property
    def sentence(self) -> str:
        """Why it gets no requests; empty if it does."""
        return _SENTENCES[self.cause].format(status=self.status) if self.cause else ""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """An endpoint of an API, as its gateways serve it, and its health at each one."""

    environment: Environment
    endpoint: Endpoint
    gateways: tuple[HealthAtGateway, ...]


def list_endpoint_health(
    context: Context, sources: Sources, enforcements: Enforcements, api_id: str
) -> list[EndpointHealth]:
    """
    Return the health of all endpoints that gateways serve for an API, production first.

    A gateway that serves a revision counts for the endpoints of that revision. Raises NotFound.
    """
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        current = find_full_api(session, context, api_id)
        apis_by_group = dict(_find_deployed(session, context, current))
    health: dict[tuple[Environment, str], tuple[Endpoint, list[HealthAtGateway]]] = {}
    for environment in ENVIRONMENTS:
        for member in current.api.list_members(environment):
            health[environment, str(member.endpoint.origin)] = member.endpoint, []
    enforcement = {group: enforcements.find_of_deployment(context, api, group) for group, api in apis_by_group.items()}
    for status in list_reporting(context, sources, apis_by_group) if apis_by_group else ():
        api, is_current = apis_by_group[status.group], _has(enforcement[status.group], status.name)
        for environment in ENVIRONMENTS:
            for member in api.list_members(environment):
                key = environment, str(member.endpoint.origin)
                _, places = health.setdefault(key, (member.endpoint, []))
                places += _describe(status, api, environment, member.endpoint, is_current=is_current)
    entries = sorted(health.items(), key=lambda item: ENVIRONMENTS.index(item[0][0]))
    return [EndpointHealth(environment, endpoint, tuple(places)) for (environment, _), (endpoint, places) in entries]


def _has(enforcement: Enforcement, gateway: str) -> bool:
    """Return whether a connected *gateway* serves what is deployed to its group."""
    if enforcement.progress is Progress.ENFORCED:
        return True
    return bool(enforcement.waiting_for) and gateway not in enforcement.waiting_for


def _find_deployed(session: Session, context: Context, current: FullApi) -> Iterator[tuple[str, Api]]:
    """Yield each group that serves an API, and the API as it serves it."""
    api = current.api
    if not api.state.is_served or api.mocks is not None:
        return
    revision_numbers = dict(api.pinned)
    for group in sorted(api.groups):
        if group in revision_numbers:
            revision = find_revision(session, context, api, revision_numbers[group])
            yield group, describe_revision(session, revision, current).api
        else:
            yield group, api


def _describe(
    status: GatewayStatus, api: Api, environment: Environment, endpoint: Endpoint, *, is_current: bool
) -> list[HealthAtGateway]:
    state = status.reported_state
    report = state.report if state and status.connected_since else None
    unknown = [HealthAtGateway(status.name, status.group, HealthState.NOT_REPORTED)]
    if state is None or report is None or report.health is None:
        return unknown
    clusters = list_target_clusters(api, environment)
    is_alone = len(api.list_members(environment)) == 1
    problems = {
        (problem.address, problem.cause): problem
        for problem in report.health.unhealthy
        if problem.cluster in clusters and (is_alone or problem.member == endpoint.origin.authority)
    }
    if problems:
        return [_read(status, problem) for problem in problems.values()]
    reported_at = report.sent_at - state.clock_offset if state.clock_offset is not None else report.sent_at
    # A report from before the last change is about other endpoints.
    if not report.health.is_complete or not is_current or reported_at < api.updated_at:
        return unknown
    return [HealthAtGateway(status.name, status.group, HealthState.AVAILABLE)]


def _read(status: GatewayStatus, member: UnhealthyMember) -> HealthAtGateway:
    # A cause of a later version is about health checks.
    cause = HealthCause(member.cause) if member.cause in set(HealthCause) else HealthCause.CHECK
    state = HealthState.SUSPENDED if cause is HealthCause.FAILURES else HealthState.UNHEALTHY
    return HealthAtGateway(status.name, status.group, state, member.since, cause, member.address, member.status)
