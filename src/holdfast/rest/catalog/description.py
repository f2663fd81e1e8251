"""
An API as WSO2's publisher writes it, with all members that it was given.
"""

from typing import Any

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import Described, complete_endpoint_config
from holdfast.rest.catalog.responses import SearchResult

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


def summarize_api(api: Api, kind: str | None = None) -> dict[str, Any]:
    """Write what lists say of an API: `APIInfo`."""
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


def describe_api(described: Described) -> dict[str, Any]:
    """Write all of an API: `API`."""
    api, members = described.api, described.members
    own = summarize_api(api, members.get("type")) | {"lastUpdatedTime": api.updated_at.isoformat()}
    return {**_DEFAULTS, **members, **own, "endpointConfig": complete_endpoint_config(described)}


def to_search_result(api: Api, kind: str | None = None) -> SearchResult:
    """Write what a search says of an API: `APISearchResult`."""
    return {
        "id": api.id,
        "name": api.name,
        "type": "API",
        "transportType": kind or _DEFAULTS["type"],
        "description": api.description,
        "context": api.context,
        "version": api.version,
        "provider": api.provider,
        "status": api.state,
    }
