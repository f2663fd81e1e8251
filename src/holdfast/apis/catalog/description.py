"""
An API with the members of its description that Holdfast stores but doesn't use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.connection_settings import REST_NAMES
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Environment
from holdfast.apis.catalog.endpoint_group import GroupKind, Member
from holdfast.apis.catalog.group_members import GROUP_TYPES, pair, write_group
from holdfast.apis.catalog.member_defaults import DEFAULT_CONFIG
from holdfast.apis.catalog.security_members import SECURITY, write_security
from holdfast.apis.definitions.openapi import Operation, make_definition

_VERBS_OF_ALL = ("GET", "POST", "PUT", "DELETE", "PATCH")


@dataclass(frozen=True, slots=True)
class FullApi:
    """An API with the members of its description that Holdfast stores but doesn't use."""

    api: Api
    members: Mapping[str, Any]

    @property
    def operations(self) -> list[Operation]:
        """The operations listed in its description."""
        return [
            Operation(operation["target"], operation["verb"].upper())
            for operation in self.members.get("operations") or []
            if isinstance(operation, dict)
            and isinstance(operation.get("target"), str)
            and isinstance(operation.get("verb"), str)
        ]


def describe_unreadable(api: Api) -> str:
    """Write that the stored description of *api* can't be read, and what to do."""
    return (
        f"The stored description of {api.name} {api.version} can't be read. Its request rules and required caller "
        "certificates still apply, but other members, such as tags, are missing, and the next change of this API "
        f"discards them. Restore a backup, or send the whole description again with PUT /apis/{api.id}."
    )


def complete_endpoint_config(full_api: FullApi) -> dict[str, Any]:
    """Return the stored member `endpointConfig`, completed with the endpoints and their settings."""
    api, stored_config = full_api.api, full_api.members.get("endpointConfig") or {}
    groups = [group for environment in ENVIRONMENTS if (group := api.find_group(environment))]
    config = DEFAULT_CONFIG | stored_config
    config.pop(SECURITY, None)  # of an earlier version, which didn't use it
    if config["endpoint_type"] in GROUP_TYPES:
        config["endpoint_type"] = "http"  # the groups were removed since
    if groups:
        config |= write_group(groups[0])
    for environment in ENVIRONMENTS:
        _complete_environment(config, stored_config, api, environment)
    return config


def _complete_environment(
    config: dict[str, Any], stored_config: Mapping[str, Any], api: Api, environment: Environment
) -> None:
    name, failovers, members = f"{environment}_endpoints", f"{environment}_failovers", api.list_members(environment)
    group = api.find_group(environment)
    config.pop(name, None)
    if members and (security := members[0].endpoint.security):
        config.setdefault(SECURITY, {})[environment] = write_security(security)
    stored_endpoints = stored_config.get(name)
    if group and group.kind is GroupKind.LOAD_BALANCE:
        config[name] = [_describe_with_priority(own, member) for own, member in pair(stored_endpoints, members)]
    elif members:
        [(own, first)] = pair(stored_endpoints, members[:1])
        config[name] = _describe_with_connection(own, first)
    if group and group.kind is GroupKind.FAILOVER:
        config[failovers] = [
            _describe_with_connection(own, member) for own, member in pair(stored_config.get(failovers), members[1:])
        ]


def _describe_with_priority(stored_members: Mapping[str, Any], member: Member) -> dict[str, Any]:
    description = _describe_with_connection(stored_members, member)
    if member.priority != 1:
        description["priority"] = member.priority
    return description


def _describe_with_connection(stored_members: Mapping[str, Any], member: Member) -> dict[str, Any]:
    endpoint = member.endpoint
    description = {**stored_members, "url": endpoint.url}
    description.pop("priority", None)  # an earlier version stored it without applying it
    if member.weight != 1:
        description["weight"] = member.weight
    members, config = endpoint.connection.members, stored_members.get("config")
    if isinstance(config, dict):
        # Members that an earlier version stored without applying them aren't settings.
        others = {name: value for name, value in config.items() if name not in REST_NAMES.values()}
        description["config"] = others | members
    elif members:
        description["config"] = members
    return description


def make_default_definition(full_api: FullApi, servers: Sequence[str]) -> dict[str, Any]:
    """Generate a definition of an API from its description."""
    operations = full_api.operations or [Operation("/*", verb) for verb in _VERBS_OF_ALL]
    api = full_api.api
    addresses = [f"{server}{api.path}" for server in servers]
    return make_definition(api.name, api.version, api.description, operations, addresses)
