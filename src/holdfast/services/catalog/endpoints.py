"""
The endpoints of an API, read from URLs, with their connection settings.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import ConnectionSettings
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment, parse_endpoint
from holdfast.apis.check import Check
from holdfast.store.audit import EndpointUse

Connections = Mapping[Environment, ConnectionSettings]
NO_CONNECTIONS: Connections = MappingProxyType({})


def read_endpoints(
    check: Check, production: str | None, sandbox: str | None
) -> tuple[Endpoint | None, Endpoint | None]:
    """Parse the URLs of an API's endpoints; *check* collects the errors."""
    first = None if production is None else check(lambda url: parse_endpoint(url, "production"), production)
    second = None if sandbox is None else check(lambda url: parse_endpoint(url, "sandbox"), sandbox)
    return first, second


def with_connection(
    endpoint: Endpoint | None, before: Api | None, connections: Connections, environment: Environment
) -> Endpoint | None:
    """Return *endpoint* with the settings in *connections*, or else those that its environment had *before*."""
    if endpoint is None:
        return None
    old = before.endpoint(environment) if before else None
    return replace(endpoint, connection=connections.get(environment) or (old or endpoint).connection)


def describe_endpoints(api: Api) -> tuple[EndpointUse, ...]:
    """Return the endpoints of *api* for the audit log, with connection settings that differ from the defaults."""
    endpoints = filter(None, (api.endpoint(environment) for environment in ENVIRONMENTS))
    return tuple(EndpointUse(endpoint.url, endpoint.connection.members) for endpoint in endpoints)
