"""
The description of an API in requests: members that Holdfast acts on, and members that it only stores.
"""

from functools import partial
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool
from pydantic.alias_generators import to_camel

from holdfast.apis.catalog.connection_settings import (
    REST_NAMES,
    ConnectionSettings,
    Protocol,
    read_connection,
)
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.check import Check
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.rest.catalog.responses import UnusedPart, UnusedTrust
from holdfast.rest.reference import STORED
from holdfast.rest.responses import Pagination
from holdfast.services.catalog.apis import ApiDraft

FALLBACK = "http1FallbackSince"  # of an endpoint, read-only
_FIELDS = {"production": "endpointConfig.production_endpoints.url", "sandbox": "endpointConfig.sandbox_endpoints.url"}


class ConnectionBody(BaseModel):
    """Connection settings of an endpoint. Other members are stored and returned."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow")
    protocol: Protocol | None = None
    connection_per_caller: StrictBool | None = None
    rewrite_responses: StrictBool | None = None


class EndpointBody(BaseModel):
    """
    An endpoint. Members other than its URL and connection settings are stored and returned.

    The read-only member `http1FallbackSince` is the time since when gateways use HTTP/1.1, after the backend rejected
    HTTP/2.
    """

    model_config = ConfigDict(extra="allow")
    url: str
    config: ConnectionBody | None = None


class EndpointConfigBody(BaseModel):
    """The endpoints of an API. Load balancing and failover aren't supported and are rejected."""

    model_config = ConfigDict(extra="allow")
    endpoint_type: str = "http"
    production_endpoints: EndpointBody | None = None
    sandbox_endpoints: EndpointBody | None = None


class OperationBody(BaseModel):
    """An operation of an API. Members other than path and method are stored and returned."""

    model_config = ConfigDict(extra="allow")
    target: str | None = Field(None, examples=["/order/{orderId}"])
    verb: str | None = Field(None, examples=["POST"])


def _hide_additional_properties(schema: dict[str, Any]) -> None:
    """Remove a member that breaks client generators, which store unlisted members under the same name."""
    schema["properties"].pop("additionalProperties")


class ApiChange(BaseModel):
    """
    A change of an API. Members that are left out keep their values.

    Members that gateways don't use, including those not listed here (such as `additionalProperties`), are stored and
    returned unchanged.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="allow",
        json_schema_extra=_hide_additional_properties,
    )
    description: str | None = None
    endpoint_config: EndpointConfigBody | None = None
    type: str | None = None
    response_caching_enabled: bool | None = None
    cache_timeout: int | None = None
    destination_stats_enabled: str | None = None
    is_default_version: bool | None = None
    enable_schema_validation: bool | None = None
    enable_store: bool | None = None
    transport: list[str] | None = None
    tags: list[str] | None = None
    policies: list[str] | None = None
    api_throttling_policy: str | None = None
    authorization_header: str | None = None
    security_scheme: list[str] | None = None
    max_tps: dict[str, Any] | None = None
    visibility: Literal["PUBLIC", "PRIVATE", "RESTRICTED"] | None = None
    visible_roles: list[str] | None = None
    visible_tenants: list[str] | None = None
    endpoint_security: dict[str, Any] | None = None
    gateway_environments: list[str] | None = Field(None, examples=[[DEFAULT_GROUP]])
    deployment_environments: list[dict[str, Any]] | None = None
    labels: list[str] | None = None
    mediation_policies: list[dict[str, Any]] | None = None
    subscription_availability: Literal["CURRENT_TENANT", "ALL_TENANTS", "SPECIFIC_TENANTS"] | None = None
    subscription_available_tenants: list[str] | None = None
    additional_properties: dict[str, Any] | list[dict[str, Any]] | None = None
    access_control: Literal["NONE", "RESTRICTED"] | None = None
    access_control_roles: list[str] | None = None
    business_information: dict[str, Any] | None = None
    cors_configuration: dict[str, Any] | None = None
    endpoint_implementation_type: str | None = None
    scopes: list[dict[str, Any]] | None = Field(None, description=STORED)
    operations: list[OperationBody] | None = None
    threat_protection_policies: dict[str, Any] | None = None
    categories: list[str] | None = None

    @property
    def production(self) -> str | None:
        """The production URL, None if there is none."""
        config = self.endpoint_config
        return config.production_endpoints.url if config and config.production_endpoints else None

    @property
    def sandbox(self) -> str | None:
        """The sandbox URL, None if there is none."""
        config = self.endpoint_config
        return config.sandbox_endpoints.url if config and config.sandbox_endpoints else None

    @property
    def connections(self) -> dict[Environment, ConnectionSettings]:
        """The connection settings of the endpoints. Raises InvalidFields."""
        config, settings, check = self.endpoint_config, {}, Check()
        bodies = (config.production_endpoints, config.sandbox_endpoints) if config else ()
        for environment, body in zip(ENVIRONMENTS, bodies, strict=False):
            values = body.config.model_dump() if body and body.config else {}
            read = partial(read_connection, field=f"endpointConfig.{environment}_endpoints.config.")
            settings[environment] = check(read, values) or ConnectionSettings()
        check.finish()
        return settings

    @property
    def members(self) -> dict[str, Any]:
        """The members to store: those that were sent, without the URLs and connection settings of endpoints."""
        sent = self.model_dump(by_alias=True, exclude_unset=True)
        config = sent.get("endpointConfig")
        for environment in ENVIRONMENTS:
            endpoint = config.get(f"{environment}_endpoints") if config else None
            if isinstance(endpoint, dict):
                endpoint.pop("url", None)
                endpoint.pop(FALLBACK, None)
                _remove_connection(endpoint)
        return sent

    def refuse_unknown_type(self) -> None:
        """Raise InvalidField for a type of endpoint that gateways don't support."""
        if self.endpoint_config and self.endpoint_config.endpoint_type != "http":
            kind = self.endpoint_config.endpoint_type
            text = f"Endpoint type {kind!r} isn't supported. Use 'http', for https URLs too."
            raise InvalidField("endpointConfig.endpoint_type", text)


class ApiBody(ApiChange):
    """A new API."""

    name: str
    context: str
    version: str

    def draft(self) -> ApiDraft:
        """
        Return the draft that the service takes.

        Raises:
            InvalidField: The endpoint type isn't supported.
            InvalidFields: The connection settings of an endpoint contradict each other.
        """
        self.refuse_unknown_type()
        description = self.description or ""
        return ApiDraft(
            self.name,
            self.context,
            self.version,
            self.production,
            self.sandbox,
            description,
            self.members,
            self.connections,
        )


class ApiInfo(BaseModel):
    """An API in lists."""

    model_config = ConfigDict(alias_generator=to_camel)
    id: str
    name: str
    description: str
    context: str
    version: str
    provider: str
    type: str
    life_cycle_status: Literal["CREATED", "PUBLISHED", "DEPRECATED", "RETIRED"]
    workflow_status: str
    has_thumbnail: bool
    created_time: AwareDatetime
    updated_time: AwareDatetime


class ApiAnswer(ApiBody):
    """An API."""

    id: str
    provider: str
    life_cycle_status: Literal["CREATED", "PUBLISHED", "DEPRECATED", "RETIRED"]
    workflow_status: str
    has_thumbnail: bool
    created_time: AwareDatetime
    updated_time: AwareDatetime
    last_updated_time: AwareDatetime


class ApiChangeAnswer(ApiAnswer):
    """An API after a change, and the trust that is unused because of it, if there is any."""

    unused_trust: list[UnusedTrust] | None = None
    deleted_trust: list[UnusedTrust] | None = None


class ImportAnswer(ApiAnswer):
    """An API that was created from a definition, and the parts of the definition that have no effect, if any."""

    unused_in_definition: list[UnusedPart] | None = None


class ApiListAnswer(BaseModel):
    """A page of APIs, in full if `expand` was true."""

    count: int
    list: list[ApiInfo | ApiAnswer]
    pagination: Pagination


class ImportBody(ApiBody):
    """A new API with a definition, which provides the members that are left out."""

    name: str = ""
    context: str = ""
    version: str = ""


def _remove_connection(endpoint: dict[str, Any]) -> None:
    """Remove the connection settings from *endpoint*, and its `config` if it is empty then."""
    if isinstance(config := endpoint.get("config"), dict) and config:
        kept = {name: value for name, value in config.items() if name not in REST_NAMES.values()}
        if kept:
            endpoint["config"] = kept
        else:
            del endpoint["config"]


def in_rest_words(error: InvalidFields) -> InvalidFields:
    """Return *error* with the names that fields have in REST."""
    return InvalidFields(
        [InvalidField(_FIELDS.get(invalid.field, invalid.field), str(invalid)) for invalid in error.errors]
    )
