"""
Automatic protocols: gateways use HTTP/1.1 for endpoints whose backend rejected HTTP/2.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import ConnectionSettings, Protocol
from holdfast.apis.catalog.endpoint import Endpoint, Environment, parse_endpoint
from holdfast.apis.catalog.endpoint_group import Member
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.store import journal
from holdfast.store.audit import Action
from holdfast.store.catalog import apis, http1_origins
from holdfast.store.database import Store


def apply_fallback(api: Api, origins: Mapping[str, datetime]) -> Api:
    """Return *api* with HTTP/1.1 for its endpoints at *origins* whose protocol is automatic."""
    # The members of a group share one cluster, and so its protocol.
    return replace(
        api,
        production=_apply_http1(api.production, origins, api.list_members("production")),
        sandbox=_apply_http1(api.sandbox, origins, api.list_members("sandbox")),
    )


def _apply_http1(
    endpoint: Endpoint | None, origins: Mapping[str, datetime], members: Sequence[Member] = ()
) -> Endpoint | None:
    beside = (member.endpoint for member in members[1:])
    if endpoint is None or not any(_falls_back(member, origins) for member in (endpoint, *beside)):
        return endpoint
    return replace(endpoint, connection=replace(endpoint.connection, protocol=Protocol.HTTP1))


def _falls_back(endpoint: Endpoint, origins: Mapping[str, datetime]) -> bool:
    return endpoint.connection.protocol is Protocol.AUTO and str(endpoint.origin) in origins


def find_fallback_times(context: Context, api: Api) -> dict[Environment, datetime]:
    """Return since when gateways use HTTP/1.1 for endpoints of *api* because the backend rejected HTTP/2."""
    with context.read() as session:
        origins = {str(endpoint.origin) for endpoint in api.endpoints}
        times = http1_origins.list_among(session, context.user.organization, origins)
    endpoints: dict[Environment, Endpoint | None] = {"production": api.production, "sandbox": api.sandbox}
    return {
        environment: times[str(endpoint.origin)]
        for environment, endpoint in endpoints.items()
        if endpoint and _falls_back(endpoint, times)
    }


def remember_http1(store: Store, clock: Callable[[], datetime], organization: str, endpoint: Endpoint) -> None:
    """Use HTTP/1.1 for the origin of *endpoint* from now on, if an API of the organization has an endpoint there."""
    origin, now = str(endpoint.origin), clock()
    with store.write() as session:
        if apis.has_origin(session, organization, origin) and http1_origins.add(session, organization, origin, now):
            user = Principal(organization, SYSTEM)
            write_down(session, user, now, Action.SWITCH_TO_HTTP1, origin, change=("origin", origin))


def forget_http1(session: Session, before: Api, after: Api, now: datetime) -> None:
    """Try HTTP/2 again at endpoints whose protocol setting was changed, in the caller's transaction."""
    pairs = ((before.production, after.production), (before.sandbox, after.sandbox))
    origins = {
        str(new.origin) for old, new in pairs if new and old and old.connection.protocol is not new.connection.protocol
    }
    for origin in http1_origins.remove(session, after.organization, origins):
        journal.announce(session, after.organization, "origin", origin, now)


def find_connection(context: Context, url: str, settings: ConnectionSettings | None = None) -> ConnectionSettings:
    """
    Return the settings that traffic uses for *url*: *settings*, or those of an API with this endpoint, or the defaults.

    Raises:
        InvalidField: *url* can't be the URL of an endpoint.
    """
    endpoint = parse_endpoint(url)
    origin = str(endpoint.origin)
    with context.read() as session:
        origins = http1_origins.list_among(session, context.user.organization, {origin})
        users = apis.list_using_origins(session, context.user.organization, {origin}) if settings is None else []
    same = (used_endpoint for api in users for used_endpoint in api.endpoints if used_endpoint.url == endpoint.url)
    connection = settings or next(same, endpoint).connection
    older = _apply_http1(replace(endpoint, connection=connection), origins)
    return older.connection if older else connection
