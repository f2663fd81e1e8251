"""
Endpoints as APIs have them, and those that something is decided for: https, and of an API of the organization.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from sqlalchemy.orm import Session

from holdfast.apis.api import Api
from holdfast.apis.connection_settings import ConnectionSettings
from holdfast.apis.endpoint import ENVIRONMENTS, Endpoint, Environment, parse_endpoint
from holdfast.apis.errors import InvalidField
from holdfast.services.check import Check
from holdfast.services.errors import EndpointNeedsNoCertificate
from holdfast.services.principal import Principal
from holdfast.store import apis

Connections = Mapping[Environment, ConnectionSettings]
NO_CONNECTIONS: Connections = MappingProxyType({})


def read_endpoints(
    check: Check, production: str | None, sandbox: str | None
) -> tuple[Endpoint | None, Endpoint | None]:
    """Read the URLs of an API's endpoints; *check* collects what is wrong with them."""
    first = None if production is None else check(lambda url: parse_endpoint(url, "production"), production)
    second = None if sandbox is None else check(lambda url: parse_endpoint(url, "sandbox"), sandbox)
    return first, second


def connected(
    endpoint: Endpoint | None, before: Api | None, connections: Connections, environment: Environment
) -> Endpoint | None:
    """Give *endpoint* the settings of *connections*, or else those that its environment had *before*."""
    if endpoint is None:
        return None
    old = before.endpoint(environment) if before else None
    return replace(endpoint, connection=connections.get(environment) or (old or endpoint).connection)


def written_urls(api: Api) -> str:
    """Write the endpoints of *api* for the audit log, with the connection settings that differ from the defaults."""
    endpoints = filter(None, (api.endpoint(environment) for environment in ENVIRONMENTS))
    return " and ".join(dict.fromkeys(map(_written, endpoints))) or "none"


def _written(endpoint: Endpoint) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in endpoint.connection.members.items())
    return f"{endpoint.url} ({settings})" if settings else endpoint.url


def secure_endpoint(url: str) -> Endpoint:
    """Read the URL of an https endpoint. Raises InvalidField, EndpointNeedsNoCertificate."""
    endpoint = parse_endpoint(url)
    refuse_insecure(endpoint)
    return endpoint


def refuse_insecure(endpoint: Endpoint) -> None:
    """Raise EndpointNeedsNoCertificate for an http endpoint."""
    if not endpoint.origin.is_secure:
        raise EndpointNeedsNoCertificate(endpoint.url)


def refuse_foreign(session: Session, who: Principal, endpoint: Endpoint) -> None:
    """Raise InvalidField for an origin that no API of the organization has an endpoint at."""
    if not apis.has_origin(session, who.organization, str(endpoint.origin)):
        message = f"No API has an endpoint at {endpoint.origin}. Save the endpoint of the API first."
        raise InvalidField("endpoint", message)
