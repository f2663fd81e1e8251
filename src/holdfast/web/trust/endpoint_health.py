"""
The health of an API's endpoints at its gateways, as the Endpoints page shows it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.catalog.api import Api
from holdfast.apis.watch.watched_endpoint import WatchedEndpoint
from holdfast.services.access.context import Context
from holdfast.services.failures.endpoint_health import HealthAtGateway, HealthState, list_endpoint_health
from holdfast.services.runtime import Runtime
from holdfast.web.members import list_members

MAX_LISTED = 3  # names of gateways
_SUMMARY_STATES = (HealthState.NOT_REPORTED, HealthState.AVAILABLE)
_WORDS = {
    HealthState.AVAILABLE: "Available",
    HealthState.UNHEALTHY: "Unhealthy",
    HealthState.SUSPENDED: "Suspended",
    HealthState.NOT_REPORTED: "Not reported",
}
_KINDS = {
    HealthState.AVAILABLE: "ok",
    HealthState.UNHEALTHY: "bad",
    HealthState.SUSPENDED: "soon",
    HealthState.NOT_REPORTED: "quiet",
}


@dataclass(frozen=True, slots=True)
class HealthLine:
    """The state of an endpoint at one gateway, or at all gateways with nothing else to say."""

    state: HealthState
    gateways: Sequence[str]
    since: datetime | None = None
    sentence: str = ""
    address: str = ""
    doubt: str = ""  # why requests would fail although it is available

    @property
    def needs_attention(self) -> bool:
        """Whether the endpoint gets no requests, or they fail."""
        return self.state not in _SUMMARY_STATES or (self.state is HealthState.AVAILABLE and bool(self.doubt))

    @property
    def word(self) -> str:
        """The state as pages name it."""
        return _WORDS[self.state]

    @property
    def kind(self) -> str:
        """Its look (see the macro `state`)."""
        return _KINDS[self.state]

    @property
    def places(self) -> str:
        """The gateways, of which the first are named."""
        names, more = ", ".join(self.gateways[:MAX_LISTED]), len(self.gateways) - MAX_LISTED
        by = "by" if self.state is HealthState.NOT_REPORTED else "at"
        return f"{by} {names}" + (f" and {more} more" if more > 0 else "")


def read_health(
    runtime: Runtime, context: Context, api: Api, watched_endpoints: Mapping[str, WatchedEndpoint]
) -> Mapping[str, list[HealthLine]]:
    """Return lines by the endpoint's name, for an API with groups; *watched_endpoints* are by name, too."""
    if not (api.production_group or api.sandbox_group):
        return {}
    health_of_endpoints = list_endpoint_health(context, runtime.gateway_sources, runtime.enforcements, api.id)
    places = {
        (health.environment, health.endpoint.origin): health.gateways
        for health in health_of_endpoints
        if health.gateways
    }
    return {
        name: _write(places[environment, endpoint.origin], _find_doubt(watched_endpoints.get(name), context.now))
        for name, (environment, endpoint) in list_members(api).items()
        if (environment, endpoint.origin) in places
    }


def _find_doubt(endpoint: WatchedEndpoint | None, now: datetime) -> str:
    """Return why requests to an endpoint that isn't suspended would fail; empty if nothing is known against it."""
    if endpoint and endpoint.silence:
        return "the backend didn't answer the last check"
    if endpoint and endpoint.explain_rejection(now):
        return "they don't trust its certificate"
    return ""


def _write(places: Iterable[HealthAtGateway], doubt: str) -> list[HealthLine]:
    """Return the lines about *places*, those that need attention first."""
    all_places = list(places)
    lines = [
        HealthLine(place.state, [place.gateway], place.since, place.sentence, place.address)
        for place in all_places
        if place.state not in _SUMMARY_STATES
    ]
    summed_up = (
        HealthLine(state, [place.gateway for place in all_places if place.state is state], doubt=doubt)
        for state in _SUMMARY_STATES
    )
    return lines + [line for line in summed_up if line.gateways]
