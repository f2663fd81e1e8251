"""
APIs in responses, with the members of WSO2's publisher and all stored members.
"""

from typing import Any

from holdfast.apis.catalog.additional_properties import PROPERTIES, complete_properties
from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.api_types import DEFAULT_TYPE
from holdfast.apis.catalog.description import FullApi, complete_endpoint_config
from holdfast.apis.catalog.endpoint_security import SecurityKind
from holdfast.apis.catalog.member_defaults import DEFAULTS
from holdfast.apis.catalog.obedience import list_unobeyed
from holdfast.rest.catalog.responses import SearchResult
from holdfast.rest.catalog.security_body import OLDER_SECURITY


def summarize_api(api: Api, kind: str | None = None) -> dict[str, Any]:
    """Describe an API in lists: WSO2's `APIInfo`."""
    return {
        "id": api.id,
        "name": api.name,
        "description": api.description,
        "context": api.context,
        "version": api.version,
        "provider": api.provider,
        "type": kind or DEFAULT_TYPE,
        "lifeCycleStatus": api.state.value,
        "workflowStatus": "",
        "hasThumbnail": api.has_thumbnail,
        "createdTime": api.created_at.isoformat(),
        "updatedTime": api.updated_at.isoformat(),
    }


def describe_api(full_api: FullApi) -> dict[str, Any]:
    """Describe an API in full: WSO2's `API`."""
    api, members = full_api.api, full_api.members
    own = summarize_api(api, members.get("type")) | {"lastUpdatedTime": api.updated_at.isoformat()}
    own |= {"gatewayEnvironments": sorted(api.groups), "isRevision": api.revision > 0, "revisionId": api.revision}
    groups = api.working_copy_groups
    own |= {"workingCopyEnvironments": sorted(groups)}
    own |= {"isDefaultVersion": api.is_default}
    if names := list_unobeyed(members):
        own |= {"membersWithoutEffect": names}
    own |= {PROPERTIES: complete_properties(members.get(PROPERTIES))}
    own |= {"endpointConfig": complete_endpoint_config(full_api)} | _write_older_security(api)
    return {**DEFAULTS, **{name: value for name, value in members.items() if name != OLDER_SECURITY}, **own}


def _write_older_security(api: Api) -> dict[str, Any]:
    """Return the member of version 1 for the security of the production endpoint, if that has it."""
    endpoint = api.production or api.sandbox
    security = endpoint.security if endpoint else None
    if security is None or security.kind is not SecurityKind.BASIC:
        return {}
    return {OLDER_SECURITY: {"type": security.kind.value, "username": security.username, "password": ""}}


def to_search_result(api: Api, kind: str | None = None) -> SearchResult:
    """Describe an API in search results: WSO2's `APISearchResult`."""
    return {
        "id": api.id,
        "name": api.name,
        "type": "API",
        "transportType": kind or DEFAULT_TYPE,
        "description": api.description,
        "context": api.context,
        "version": api.version,
        "provider": api.provider,
        "status": api.state,
    }
