"""
The description of an API in requests: members that Holdfast acts on, and members that it only stores.
"""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from holdfast.apis.catalog.connection_settings import ConnectionSettings
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.catalog.endpoint_group import EndpointGroup
from holdfast.apis.catalog.endpoint_security import SecurityDraft
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.rest.catalog.endpoint_config import EndpointConfigBody, remove_known
from holdfast.rest.catalog.reference import STORED
from holdfast.rest.catalog.responses import UnusedPart, UnusedTrust
from holdfast.rest.catalog.security_body import OLDER_SECURITY, OlderSecurityBody, read_older
from holdfast.rest.responses import Pagination
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.catalog.endpoint_security import NO_SECURITIES, Securities


class OperationBody(BaseModel):
    """An operation of an API. Members other than path and method are stored and returned."""

    model_config = ConfigDict(extra="allow")
    target: str | None = Field(None, examples=["/order/{orderId}"])
    verb: str | None = Field(None, examples=["POST"])


class PropertyBody(BaseModel):
    """A property of an API."""

    model_config = ConfigDict(extra="allow")
    name: str
    value: str | int | float | bool | None = Field("", description="Stored as text.")
    display: bool = Field(default=False, description="Stored; the developer portal of WSO2 shows such properties.")


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
    endpoint_security: OlderSecurityBody | None = None
    gateway_environments: list[str] | None = Field(None, examples=[[DEFAULT_GROUP]])
    deployment_environments: list[dict[str, Any]] | None = None
    labels: list[str] | None = None
    mediation_policies: list[dict[str, Any]] | None = None
    subscription_availability: Literal["CURRENT_TENANT", "ALL_TENANTS", "SPECIFIC_TENANTS"] | None = None
    subscription_available_tenants: list[str] | None = None
    additional_properties: dict[str, Any] | list[PropertyBody] | None = None
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
        return self.endpoint_config.find_url("production") if self.endpoint_config else None

    @property
    def sandbox(self) -> str | None:
        """The sandbox URL, None if there is none."""
        return self.endpoint_config.find_url("sandbox") if self.endpoint_config else None

    @property
    def connections(self) -> dict[Environment, ConnectionSettings]:
        """The connection settings of the endpoints. Raises InvalidFields."""
        return self.endpoint_config.connections if self.endpoint_config else {}

    @property
    def securities(self) -> dict[Environment, SecurityDraft | None]:
        """The endpoint security of the environments that were sent, in either form. Raises InvalidFields."""
        security = self.endpoint_config.endpoint_security if self.endpoint_config else None
        return security.drafts if security else read_older(self.endpoint_security)

    @property
    def groups(self) -> dict[Environment, EndpointGroup | None]:
        """The load-balanced or failover groups of the endpoints. Raises InvalidFields."""
        return self.endpoint_config.groups if self.endpoint_config else {}

    @property
    def members(self) -> dict[str, Any]:
        """The members to store: those that were sent, without the URLs and settings of endpoints."""
        members = self.model_dump(by_alias=True, exclude_unset=True)
        members.pop(OLDER_SECURITY, None)
        if config := members.get("endpointConfig"):
            remove_known(config)
        return members

    def refuse_unknown_type(self) -> None:
        """Raise InvalidField for a type of endpoint that gateways don't support."""
        if self.endpoint_config:
            self.endpoint_config.refuse_unknown_type()


class ApiBody(ApiChange):
    """A new API."""

    name: str
    context: str
    version: str

    def to_draft(self, securities: Securities = NO_SECURITIES) -> ApiDraft:
        """
        Return the draft that the service takes; *securities* has the sealed secrets of `securities`.

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
            securities,
            self.groups,
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
    life_cycle_status: Literal["CREATED", "PROTOTYPED", "PUBLISHED", "BLOCKED", "DEPRECATED", "RETIRED"]
    workflow_status: str
    has_thumbnail: bool
    created_time: AwareDatetime
    updated_time: AwareDatetime


class ApiAnswer(ApiBody):
    """An API; with `isRevision`, as a revision has it."""

    id: str
    is_revision: bool
    revision_id: int
    revisioned_api_id: str | None = None
    working_copy_environments: list[str]
    members_without_effect: list[str] | None = None
    provider: str
    life_cycle_status: Literal["CREATED", "PROTOTYPED", "PUBLISHED", "BLOCKED", "DEPRECATED", "RETIRED"]
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
