"""
The members of an API's description that clients read although they aren't stored, and comparing descriptions.
"""

from collections.abc import Mapping
from typing import Any

from holdfast.apis.catalog.additional_properties import PROPERTIES, complete_properties
from holdfast.apis.catalog.api_types import DEFAULT_TYPE

# The defaults of WSO2's description, except that lists of features that Holdfast doesn't have are empty.
DEFAULTS: dict[str, Any] = {
    "type": DEFAULT_TYPE,
    "isDefaultVersion": False,
    "transport": ["http"],
    "tags": [],
    "policies": [],
    "securityScheme": [],
    "visibility": "PUBLIC",
    "visibleRoles": [],
    "labels": [],
    "accessControl": "NONE",
    "accessControlRoles": [],
    "endpointImplementationType": "ENDPOINT",
    "scopes": [],
    "operations": [],
    "categories": [],
}
DEFAULT_CONFIG = {"endpoint_type": "http"}


def list_changed_members(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """
    Return the names of the members with different values.

    Clients that send the whole description back store defaults, which changes nothing.
    """
    old, new = _complete(before), _complete(after)
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def _complete(members: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **DEFAULTS,
        **members,
        PROPERTIES: complete_properties(members.get(PROPERTIES)),
        "endpointConfig": DEFAULT_CONFIG | (members.get("endpointConfig") or {}),
    }
