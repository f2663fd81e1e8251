"""
Permissions, and the roles that include them.
"""

from collections.abc import Iterable
from enum import StrEnum


class Permission(StrEnum):
    """A permission; error messages show its value."""

    VIEW_APIS = "view"
    CHANGE_APIS = "create_apis"
    DELETE_APIS = "delete_apis"
    CHANGE_DOCUMENTS = "documents"
    PUBLISH_APIS = "publish_apis"
    VIEW_SETTINGS = "view_settings"
    VIEW_ENDPOINT_CERTIFICATES = "view_endpoint_certificates"
    ADD_ENDPOINT_CERTIFICATES = "add_endpoint_certificates"
    CHANGE_ENDPOINT_CERTIFICATES = "change_endpoint_certificates"
    VIEW_CALLER_CERTIFICATES = "view_caller_certificates"
    ADD_CALLER_CERTIFICATES = "add_caller_certificates"
    CHANGE_CALLER_CERTIFICATES = "change_caller_certificates"
    CHANGE_TRUST_SETTINGS = "trust_settings"
    GRANT_TRUST_EXCEPTIONS = "trust_exceptions"
    TEST_ENDPOINTS = "test_endpoints"
    MANAGE_GATEWAY_IDENTITIES = "client_certificates"
    MANAGE_GATEWAYS = "gateways"
    MANAGE_NOTIFICATIONS = "notifications"
    CHANGE_OWNERS = "owners"
    MANAGE_USERS = "users"
    READ_AUDIT_LOG = "audit"
    MANAGE_ORGANIZATIONS = "organizations"
    MANAGE_OWN_ACCOUNT = "own_account"


class Role(StrEnum):
    """A user's role in their organization; a user can have several."""

    ADMIN = "admin"
    CREATOR = "creator"
    PUBLISHER = "publisher"
    VIEWER = "viewer"


EVERY_PERMISSION = frozenset(Permission)
_VIEWER = frozenset(
    {
        Permission.VIEW_APIS,
        Permission.VIEW_SETTINGS,
        Permission.VIEW_ENDPOINT_CERTIFICATES,
        Permission.VIEW_CALLER_CERTIFICATES,
        Permission.MANAGE_OWN_ACCOUNT,
    },
)
ROLES: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: EVERY_PERMISSION,
    Role.CREATOR: _VIEWER
    | {
        Permission.CHANGE_APIS,
        Permission.DELETE_APIS,
        Permission.CHANGE_DOCUMENTS,
        Permission.ADD_ENDPOINT_CERTIFICATES,
        Permission.CHANGE_ENDPOINT_CERTIFICATES,
        Permission.ADD_CALLER_CERTIFICATES,
        Permission.CHANGE_CALLER_CERTIFICATES,
        Permission.CHANGE_TRUST_SETTINGS,
        Permission.CHANGE_OWNERS,
        Permission.TEST_ENDPOINTS,
    },
    Role.PUBLISHER: _VIEWER
    | {Permission.PUBLISH_APIS, Permission.CHANGE_DOCUMENTS, Permission.CHANGE_OWNERS, Permission.TEST_ENDPOINTS},
    Role.VIEWER: _VIEWER,
}


def list_permissions(roles: Iterable[str]) -> frozenset[Permission]:
    """Return the permissions of these roles; unknown names, such as those of other versions of Holdfast, have none."""
    names = set(roles)
    return frozenset(permission for role in Role if role.value in names for permission in ROLES[role])
