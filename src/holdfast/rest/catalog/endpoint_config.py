"""
The member `endpointConfig` of an API in requests: its endpoints and their connection settings.
"""

from collections.abc import Mapping
from functools import partial
from itertools import product
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, Tag

from holdfast.apis.catalog.connection_settings import (
    REST_NAMES,
    SETTINGS,
    ConnectionSettings,
    Protocol,
    read_connection,
)
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.endpoint_group import EndpointGroup, GroupKind, read_group
from holdfast.apis.catalog.endpoint_types import check_endpoint_type
from holdfast.apis.catalog.group_members import GROUP_SETTINGS, GROUP_TYPES, read_settings
from holdfast.apis.catalog.security_members import SECURITY
from holdfast.apis.check import Check
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.rest.catalog.security_body import SecurityBody
from holdfast.rest.errors import ALTERNATIVE

FALLBACK = "http1FallbackSince"  # of an endpoint, read-only
_FIELDS = {"production": "endpointConfig.production_endpoints.url", "sandbox": "endpointConfig.sandbox_endpoints.url"}


Number = StrictInt | StrictFloat | StrictStr


def _describe(schema: dict[str, Any]) -> None:
    for setting in SETTINGS.values():
        schema["properties"][setting.member]["description"] = setting.description


class ConnectionBody(BaseModel):
    """
    Connection settings of an endpoint. Other members are stored and returned.

    Numbers can be texts, and empty texts are defaults, because WSO2's clients send them.
    """

    model_config = ConfigDict(alias_generator=REST_NAMES.__getitem__, extra="allow", json_schema_extra=_describe)
    protocol: Protocol | None = None
    connection_per_caller: StrictBool | None = None
    rewrite_responses: StrictBool | None = None
    connect_timeout_ms: Number | None = None
    idle_timeout_ms: Number | None = None
    response_timeout_ms: Number | None = None
    retries: Number | None = None
    retry_statuses: list[Number] | None = None
    try_timeout_ms: Number | None = None
    retry_all_methods: StrictBool | None = None
    suspend_ms: Number | None = None
    suspend_max_ms: Number | None = None
    suspend_after: Number | None = None
    suspend_statuses: list[Number] | None = None
    max_connections: Number | None = None
    max_pending_requests: Number | None = None
    max_requests: Number | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The settings, by field of ConnectionSettings."""
        return {name: getattr(self, name) for name in SETTINGS}


class EndpointBody(BaseModel):
    """
    An endpoint. Members other than its URL and connection settings are stored and returned.

    The read-only member `http1FallbackSince` is the time since when gateways use HTTP/1.1, after the backend rejected
    HTTP/2.
    """

    model_config = ConfigDict(extra="allow")
    url: str
    weight: int | None = Field(
        None,
        description="Share of requests in a `load_balance` group, 1 to 100, compared with the others. Default: 1.",
    )
    priority: int | None = Field(
        None,
        description="In a `load_balance` group, 1 to 100: endpoints with a higher number get requests only while those "
        "with lower numbers fail. Default: 1. In a `failover` group, the order decides.",
    )
    config: ConnectionBody | None = None


def _discriminate(value: object) -> str:
    return _MANY if isinstance(value, list) else _ONE


_ONE, _MANY = f"{ALTERNATIVE}one", f"{ALTERNATIVE}many"
Endpoints = Annotated[
    Annotated[EndpointBody, Tag(_ONE)] | Annotated[list[EndpointBody], Tag(_MANY)], Discriminator(_discriminate)
]


class HealthCheckBody(BaseModel):
    """Requests that gateways send to each endpoint of a group, to stop using those that don't answer as expected."""

    path: str = Field("/", description="At the endpoint's host; the endpoint's own path isn't prefixed.")
    interval: int = Field(10, description="Seconds.")
    timeout: int = Field(3, description="Seconds.")
    statuses: str = Field("200-299", description="That a healthy endpoint answers: one, or a range.")


class EndpointConfigBody(BaseModel):
    """
    The endpoints of an API.

    `endpoint_type` is `http`, `load_balance` (`production_endpoints` and `sandbox_endpoints` are lists) or `failover`
    (`production_failovers` and `sandbox_failovers` take over in their order). All endpoints of an environment have
    the connection settings of the first.
    """

    model_config = ConfigDict(extra="allow")
    endpoint_type: str = "http"
    production_endpoints: Endpoints | None = None
    sandbox_endpoints: Endpoints | None = None
    production_failovers: list[EndpointBody] | None = None
    sandbox_failovers: list[EndpointBody] | None = None
    endpoint_security: SecurityBody | None = Field(None, description="How gateways sign in to the backends.")
    algo_combo: str | None = Field(
        None, alias="algoCombo", description="A class name that ends with `RoundRobin` or `LeastRequest`."
    )
    session_management: str | None = Field(
        None,
        alias="sessionManagement",
        description="Empty, `transport` (a cookie) or `simpleClientSession` (a header).",
    )
    session_time_out: int | str | None = Field(None, alias="sessionTimeOut", description="Milliseconds.")
    session_header: str | None = Field(None, alias="sessionHeader", description="`ClientID` unless you change it.")
    health_check: HealthCheckBody | None = Field(
        None, alias="healthCheck", description="How gateways check the endpoints of a group; without it, they don't."
    )

    def list_endpoints(self, environment: Environment) -> list[EndpointBody]:
        """Return the endpoints of *environment*, the first one first, with failovers if the type is `failover`."""
        own: EndpointBody | list[EndpointBody] | None = getattr(self, f"{environment}_endpoints")
        endpoints = list(own) if isinstance(own, list) else [own] if own else []
        failovers: list[EndpointBody] | None = getattr(self, f"{environment}_failovers")
        return endpoints + (failovers or []) if self.endpoint_type == GroupKind.FAILOVER else endpoints

    def find_url(self, environment: Environment) -> str | None:
        """Return the URL of the first endpoint of *environment*, None if there is none."""
        return next((endpoint.url for endpoint in self.list_endpoints(environment)), None)

    @property
    def groups(self) -> dict[Environment, EndpointGroup | None]:
        """The groups of both environments, None where there is none. Raises InvalidFields."""
        groups: dict[Environment, EndpointGroup | None] = dict.fromkeys(ENVIRONMENTS)
        if self.endpoint_type not in GROUP_TYPES:
            return groups
        check = Check()
        members = self.model_dump(by_alias=True)
        for environment in ENVIRONMENTS:
            if endpoints := self.list_endpoints(environment):
                first, *others = (endpoint.model_dump(include={"url", "weight", "priority"}) for endpoint in endpoints)
                further = {"weight": first["weight"], "priority": first["priority"], "members": others}
                read_members = partial(_read_group, members, field=f"endpointConfig.{environment}.")
                groups[environment] = check(read_members, further)
        check.finish()
        return groups

    @property
    def connections(self) -> dict[Environment, ConnectionSettings]:
        """The connection settings of the endpoints. Raises InvalidFields."""
        settings, check = {}, Check()
        for environment in ENVIRONMENTS:
            body = next(iter(self.list_endpoints(environment)), None)
            values = body.config.values if body and body.config else {}
            read_values = partial(read_connection, field=f"endpointConfig.{environment}_endpoints.config.")
            settings[environment] = check(read_values, values) or ConnectionSettings()
        check.finish()
        return settings

    def refuse_unknown_type(self) -> None:
        """Raise InvalidField for a type of endpoint that gateways don't support."""
        check_endpoint_type(self.endpoint_type)
        if self.endpoint_type not in GROUP_TYPES and any(
            len(self.list_endpoints(environment)) > 1 for environment in ENVIRONMENTS
        ):
            text = "Several endpoints need the type load_balance or failover."
            raise InvalidField("endpointConfig.endpoint_type", text)


def remove_known(config: dict[str, Any]) -> None:
    """Remove the URLs and settings of endpoints from *config*, an `endpointConfig` that was sent."""
    config.pop(SECURITY, None)
    is_group = config.get("endpoint_type") in GROUP_TYPES
    for name in GROUP_SETTINGS if is_group else ():
        config.pop(name, None)
    for environment, part in product(ENVIRONMENTS, ("endpoints", "failovers")):
        value = config.get(f"{environment}_{part}")
        for endpoint in value if isinstance(value, list) else [value]:
            if isinstance(endpoint, dict) and (part == "endpoints" or is_group):
                for name in ("url", "weight", "priority", FALLBACK):
                    endpoint.pop(name, None)
                _remove_connection(endpoint)


def _read_group(members: Mapping[str, Any], endpoints: Mapping[str, Any], *, field: str) -> EndpointGroup:
    return read_group({**read_settings(members), **endpoints}, field)


def _remove_connection(endpoint: dict[str, Any]) -> None:
    """Remove the connection settings from *endpoint*, and its `config` if it is empty then."""
    if isinstance(config := endpoint.get("config"), dict) and config:
        others = {name: value for name, value in config.items() if name not in REST_NAMES.values()}
        if others:
            endpoint["config"] = others
        else:
            del endpoint["config"]


def rename_fields(error: InvalidFields) -> InvalidFields:
    """Return *error* with the names that fields have in REST."""
    return InvalidFields(
        [InvalidField(_FIELDS.get(invalid.field, invalid.field), str(invalid)) for invalid in error.errors]
    )
