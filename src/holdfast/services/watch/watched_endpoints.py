"""
Use cases for watched endpoints: what backends present, what changed, and which APIs are concerned.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.watch.watched_endpoint import WatchedEndpoint, WatchStatus
from holdfast.certificates.certificate import Certificate
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotFound
from holdfast.services.watch.current_trust import follow_trust
from holdfast.store.catalog import apis
from holdfast.store.watch import presented_chains, watched_endpoints
from holdfast.store.watch.presented_chains import PresentedChain
from holdfast.store.watch.watched_endpoints import WatchFilter


@dataclass(frozen=True, slots=True)
class WatchedBackend:
    """A watched endpoint, and the APIs with an endpoint there, ordered by name."""

    endpoint: WatchedEndpoint
    apis: tuple[Api, ...]


@dataclass(frozen=True, slots=True)
class WatchSelection:
    """Which watched endpoints to list; the defaults: all."""

    status: WatchStatus | None = None
    api_id: str = ""
    url: str = ""  # the endpoint with the origin of this URL
    expires_before: datetime | None = None
    query: str = ""  # part of an origin, or of the name or issuer of the presented certificate, whatever the case


def list_watched_endpoints(
    context: Context, selection: WatchSelection, offset: int = 0, limit: int | None = None
) -> tuple[list[WatchedBackend], int]:
    """
    Return a page of the watched endpoints that match *selection*, the first to expire first, and their number.

    Raises:
        NotFound: The API doesn't exist.
        InvalidField: The URL isn't that of an endpoint.
    """
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        watch_filter = _narrow(session, context, selection)
        page, total = watched_endpoints.find(
            session, context.user.organization, watch_filter, context.now, offset, limit
        )
        return _add_apis(session, context.user.organization, page), total


def read_all(context: Context) -> list[WatchedEndpoint]:
    """Return all watched endpoints, the first to expire first."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return watched_endpoints.find(session, context.user.organization, WatchFilter(), context.now)[0]


def get_watched_endpoint(context: Context, endpoint_id: str) -> tuple[WatchedBackend, Sequence[Certificate]]:
    """Return a watched endpoint, and the chain that its backend presents; empty if none was seen. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        endpoint = _find(session, context, endpoint_id)
        certificate = endpoint.certificate
        chain = presented_chains.get(session, endpoint, certificate.chain) if certificate else None
        (backend,) = _add_apis(session, context.user.organization, [endpoint])
        return backend, chain.certificates if chain else ()


def list_history(
    context: Context, endpoint_id: str, offset: int = 0, limit: int | None = None
) -> tuple[list[PresentedChain], int]:
    """Return a page of the chains that a backend presented, the latest first, and their number. Raises NotFound."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return presented_chains.find(session, _find(session, context, endpoint_id), offset, limit)


def find_watched(context: Context, origins: Collection[str]) -> Mapping[str, WatchedEndpoint]:
    """Return the watched endpoints of *origins*, by origin, judged by the trust of now."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        endpoints = watched_endpoints.list_by_origin(session, context.user.organization, origins)
        return follow_trust(session, context, endpoints)


def find_rejected_changes(context: Context, origins: Collection[str]) -> set[str]:
    """Return those of *origins* whose backends present something new that gateways don't accept."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        endpoints = watched_endpoints.list_by_origin(session, context.user.organization, origins)
        # The trust of an origin is read only if it matters: it has many certificates, which have to be parsed.
        candidates = {origin: endpoint for origin, endpoint in endpoints.items() if endpoint.changes.at}
        current = follow_trust(session, context, candidates)
    return {origin for origin, endpoint in current.items() if endpoint.explain_rejection(context.now)}


def find_problems(context: Context, origins: Collection[str]) -> dict[str, tuple[WatchStatus, str]]:
    """
    Find those of *origins* whose backends don't answer or present what gateways don't accept.

    The values are UNREACHABLE or NOT_TRUSTED, and a code of docs/reference/causes.md.
    """
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        endpoints = watched_endpoints.list_by_origin(session, context.user.organization, origins)
        rejected = {origin for origin, endpoint in endpoints.items() if endpoint.explain_rejection(context.now)}
        current = endpoints | follow_trust(session, context, {origin: endpoints[origin] for origin in rejected})
    problems = {}
    for origin, endpoint in current.items():
        if endpoint.silence:
            problems[origin] = WatchStatus.UNREACHABLE, endpoint.silence.cause
        elif rejection := endpoint.explain_rejection(context.now):
            problems[origin] = WatchStatus.NOT_TRUSTED, rejection
    return problems


def count_statuses(context: Context, query: str = "") -> Mapping[WatchStatus, int]:
    """Return the number of watched endpoints with each status; *query* is as in `WatchSelection`."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        return watched_endpoints.count_by_status(session, context.user.organization, context.now, query)


def find_changed(context: Context) -> list[WatchedEndpoint]:
    """Return the endpoints whose backends present something new, those that gateways reject first, then the latest."""
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        endpoints, _ = watched_endpoints.find(
            session, context.user.organization, WatchFilter(WatchStatus.CHANGED), context.now
        )
    latest = sorted(endpoints, key=lambda endpoint: endpoint.changes.at or context.now, reverse=True)
    return sorted(latest, key=lambda endpoint: endpoint.is_trusted(context.now))


def _narrow(session: Session, context: Context, selection: WatchSelection) -> WatchFilter:
    origins = None
    if selection.url:
        origins = {str(parse_endpoint(selection.url).origin)}
    if selection.api_id:
        api = apis.get(session, context.user.organization, selection.api_id)
        if api is None:
            raise NotFound("API", selection.api_id)
        own_origins = {str(endpoint.origin) for endpoint in api.endpoints}
        origins = own_origins if origins is None else origins & own_origins
    return WatchFilter(selection.status, origins, selection.expires_before, query=selection.query)


def _find(session: Session, context: Context, endpoint_id: str) -> WatchedEndpoint:
    endpoint = watched_endpoints.get(session, context.user.organization, endpoint_id)
    if endpoint is None:
        raise NotFound("watched endpoint", endpoint_id)
    return endpoint


def _add_apis(session: Session, organization: str, page: Sequence[WatchedEndpoint]) -> list[WatchedBackend]:
    using = apis.list_using_origins(session, organization, {endpoint.origin for endpoint in page})
    by_origin: dict[str, list[Api]] = {}
    for api in using:
        for origin in {str(endpoint.origin) for endpoint in api.endpoints}:
            by_origin.setdefault(origin, []).append(api)
    return [WatchedBackend(endpoint, tuple(by_origin.get(endpoint.origin, ()))) for endpoint in page]
