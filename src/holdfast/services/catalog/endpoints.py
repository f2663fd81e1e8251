"""
The endpoints of an API, read from URLs, with their connection settings.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import ConnectionSettings
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint, Environment, parse_endpoint
from holdfast.apis.catalog.endpoint_group import EndpointGroup, check_group
from holdfast.apis.catalog.security_members import summarize_security
from holdfast.apis.check import Check
from holdfast.store.audit import EndpointUse

Connections = Mapping[Environment, ConnectionSettings]
NO_CONNECTIONS: Connections = MappingProxyType({})
EndpointGroups = Mapping[Environment, EndpointGroup | None]
NO_GROUPS: EndpointGroups = MappingProxyType({})


def read_endpoints(
    check: Check, production: str | None, sandbox: str | None
) -> tuple[Endpoint | None, Endpoint | None]:
    """Parse the URLs of an API's endpoints; *check* collects the errors."""
    first = None if production is None else check(lambda url: parse_endpoint(url, "production"), production)
    second = None if sandbox is None else check(lambda url: parse_endpoint(url, "sandbox"), sandbox)
    return first, second


def apply_connection(
    endpoint: Endpoint | None, before: Api | None, connections: Connections, environment: Environment
) -> Endpoint | None:
    """Return *endpoint* with the settings in *connections*, or else those that its environment had *before*."""
    if endpoint is None:
        return None
    old = before.find_endpoint(environment) if before else None
    return replace(endpoint, connection=connections.get(environment) or (old or endpoint).connection)


def check_groups(check: Check, api: Api) -> None:
    """Check that the members of the groups of *api* can share requests; *check* collects the errors."""
    for environment in ENVIRONMENTS:
        endpoint, group = api.find_endpoint(environment), api.find_group(environment)
        if endpoint and group:
            check(partial(check_group, endpoint, field=environment), group)


def describe_endpoints(api: Api) -> tuple[EndpointUse, ...]:
    """Return the endpoints of *api* for the audit log, with settings that differ from the defaults."""
    return tuple(
        EndpointUse(
            endpoint.loggable_url,
            {
                **endpoint.connection.members,
                **summarize_security(endpoint.security),
                **_describe_group(api.find_group(environment)),
            },
        )
        for environment in ENVIRONMENTS
        if (endpoint := api.find_endpoint(environment))
    )


def _describe_group(group: EndpointGroup | None) -> dict[str, Any]:
    if group is None:
        return {}
    values = group.values
    members = [
        entry | {"url": member.endpoint.loggable_url}
        for entry, member in zip(values["members"], group.members, strict=True)
    ]
    return {"group": values | {"members": members}}
