"""
An API in the words of the publisher's REST API, with all members that it was given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.endpoint import ENVIRONMENTS, Endpoint
from holdfast.apis.definitions.openapi import Operation

# As publisher-v1.yaml has them; a list that is empty means that nothing of the kind is done.
_DEFAULTS: dict[str, Any] = {
    "type": "HTTP",
    "isDefaultVersion": False,
    "transport": ["http"],
    "tags": [],
    "policies": [],
    "securityScheme": [],
    "visibility": "PUBLIC",
    "visibleRoles": [],
    "gatewayEnvironments": [],
    "labels": [],
    "additionalProperties": {},
    "accessControl": "NONE",
    "accessControlRoles": [],
    "endpointImplementationType": "ENDPOINT",
    "scopes": [],
    "operations": [],
    "categories": [],
}


@dataclass(frozen=True, slots=True)
class Described:
    """An API with the members of its description that Holdfast keeps for others."""

    api: Api
    members: Mapping[str, Any]

    @property
    def operations(self) -> list[Operation]:
        """The operations that its description names."""
        return [
            Operation(each["target"], each["verb"].upper())
            for each in self.members.get("operations") or []
            if isinstance(each, dict) and isinstance(each.get("target"), str) and isinstance(each.get("verb"), str)
        ]


def summary(api: Api, kind: str | None = None) -> dict[str, Any]:
    """What lists say of an API: `APIInfo`."""
    return {
        "id": api.id,
        "name": api.name,
        "description": api.description,
        "context": api.context,
        "version": api.version,
        "provider": api.provider,
        "type": kind or _DEFAULTS["type"],
        "lifeCycleStatus": api.state.value,
        "workflowStatus": "",
        "hasThumbnail": False,
        "createdTime": api.created_at.isoformat(),
        "updatedTime": api.updated_at.isoformat(),
    }


def full(described: Described) -> dict[str, Any]:
    """All of an API: `API`."""
    api, members = described.api, described.members
    own = summary(api, members.get("type")) | {"lastUpdatedTime": api.updated_at.isoformat()}
    return {**_DEFAULTS, **members, **own, "endpointConfig": endpoint_config(described)}


def found(api: Api, kind: str | None = None) -> dict[str, Any]:
    """What a search says of an API: `APISearchResult`."""
    return {
        "id": api.id,
        "name": api.name,
        "type": "API",
        "transportType": kind or _DEFAULTS["type"],
        "description": api.description,
        "context": api.context,
        "version": api.version,
        "provider": api.provider,
        "status": api.state.value,
    }


def endpoint_config(described: Described) -> dict[str, Any]:
    """The member `endpointConfig` of an API."""
    api, kept = described.api, described.members.get("endpointConfig") or {}
    config = {"endpoint_type": "http"} | kept
    for environment in ENVIRONMENTS:
        name, endpoint = f"{environment}_endpoints", api.endpoint(environment)
        config.pop(name, None)
        if endpoint:
            config[name] = _with_connection(kept.get(name) or {}, endpoint)
    return config


def _with_connection(kept: Mapping[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    described = {**kept, "url": endpoint.url}
    if members := endpoint.connection.members:
        config = kept.get("config")
        described["config"] = (config if isinstance(config, dict) else {}) | members
    return described
