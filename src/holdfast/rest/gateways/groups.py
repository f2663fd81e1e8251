"""
`/gateways/groups`: groups of gateways, for admins of the default organization.
"""

from typing import cast

from fastapi import Response
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from holdfast.apis.gateways.group import write_address
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.gateways.group_responses import GatewayGroup, GatewayGroups, GroupListeners, GroupUrls
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.gateways import groups
from holdfast.services.gateways.groups import GroupChange, GroupUse
from holdfast.services.runtime import Runtime

PATH = f"{PREFIX}/gateways/groups"
router = Router(prefix=PATH, tags=["Gateways"])


class GroupUrlsBody(BaseModel):
    """The URLs that callers of a group use, without a path below it."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")
    production: str = ""
    production_tls: str = ""
    sandbox: str = ""
    sandbox_tls: str = ""


class GroupListenBody(BaseModel):
    """The addresses on which a group's gateways listen; empty: those in the publisher's settings."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")
    production: list[str] = []
    production_tls: list[str] = []
    sandbox: list[str] = []
    sandbox_tls: list[str] = []


class GatewayGroupChange(BaseModel):
    """A change of a group. Members that are left out keep their values."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")
    display_name: str | None = None
    description: str | None = None
    urls: GroupUrlsBody | None = None
    listen: GroupListenBody | None = None

    @property
    def values(self) -> GroupChange:
        """The values that the service takes."""
        return GroupChange(
            self.display_name,
            self.description,
            None if self.urls is None else self.urls.model_dump(by_alias=True),
            None if self.listen is None else self.listen.model_dump(by_alias=True),
        )


class GatewayGroupBody(GatewayGroupChange):
    """A new group."""

    name: str


@router.get("")
def list_gateway_groups(runtime: CurrentRuntime, context: RequestContext) -> GatewayGroups:
    """
    List groups of gateways.

    Publishers of all organizations can deploy APIs to these groups: they are the gateway environments in `/settings`.
    This operation is only for admins of the organization `default`.
    """
    uses = groups.list_uses(context)
    return {"count": len(uses), "list": [_describe(runtime, use) for use in uses]}


@router.post("", status_code=201)
def create_gateway_group(runtime: CurrentRuntime, context: RequestContext, body: GatewayGroupBody) -> GatewayGroup:
    """
    Create a group of gateways.

    Only for admins of the organization `default`.
    """
    return _describe(runtime, groups.create_group(context, body.name, body.values))


@router.get("/{group}")
def get_gateway_group(runtime: CurrentRuntime, context: RequestContext, group: str) -> GatewayGroup:
    """
    Get a group of gateways.

    Only for admins of the organization `default`.
    """
    return _describe(runtime, groups.get_use(context, group))


@router.put("/{group}")
def update_gateway_group(
    runtime: CurrentRuntime, context: RequestContext, group: str, body: GatewayGroupChange
) -> GatewayGroup:
    """
    Update a group of gateways.

    The name can't be changed. Gateways listen on changed addresses at once. Only for admins of the organization
    `default`.
    """
    return _describe(runtime, groups.change_group(context, group, body.values))


@router.delete("/{group}", status_code=204)
def delete_gateway_group(context: RequestContext, group: str) -> Response:
    """
    Delete a group of gateways.

    A group with APIs or gateways can't be deleted, nor can the group `Default`. Only for admins of the organization
    `default`.
    """
    groups.delete_group(context, group)
    return Response(status_code=204)


def _describe(runtime: Runtime, use: GroupUse) -> GatewayGroup:
    group = use.group
    listen = {member: [write_address(address) for address in addresses] for member, addresses in group.listen.items()}
    return {
        "name": group.name,
        "displayName": group.title,
        "description": group.description,
        "urls": cast("GroupUrls", runtime.list_urls(group)),
        "listen": cast("GroupListeners", listen),
        "apis": use.apis,
        "connectedGateways": len(runtime.list_gateways(group.name)),
        "createdTime": group.created_at.isoformat(),
        "updatedTime": group.updated_at.isoformat(),
    }
