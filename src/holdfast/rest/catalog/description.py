"""
APIs in responses, with the members of WSO2's publisher and all stored members.
"""

from typing import Any

from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import Described, complete_endpoint_config
from holdfast.rest.catalog.responses import SearchResult

# The defaults of publisher-v1.yaml, except that lists of features that Holdfast doesn't have are empty.
_DEFAULTS: dict[str, Any] = {
    "type": "HTTP",
    "isDefaultVersion": False,
    "transport": ["http"],
    "tags": [],
    "policies": [],
    "securityScheme": [],
    "visibility": "PUBLIC",
    "visibleRoles": [],
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
    """Describe an API in lists: WSO2's `APIInfo`."""
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
    """Describe an API in full: WSO2's `API`."""
    api, members = described.api, described.members
    own = summarize_api(api, members.get("type")) | {"lastUpdatedTime": api.updated_at.isoformat()}
    own |= {"gatewayEnvironments": sorted(api.groups)}
    return {**_DEFAULTS, **members, **own, "endpointConfig": complete_endpoint_config(described)}


def to_search_result(api: Api, kind: str | None = None) -> SearchResult:
    """Describe an API in search results: WSO2's `APISearchResult`."""
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
