"""
Scopes of tokens, named as in WSO2, and the permissions of each.

A token can do only what its scopes and its user's roles both allow. No scope allows changing an account, so a token
can't create another token. Any personal token can revoke itself (`tokens.revoke_current_token`): that gains nothing.
"""

from collections.abc import Iterable

from holdfast.apis.errors import InvalidField
from holdfast.services.access.permissions import Permission

DEFAULT_SCOPE = "apim:api_view"  # for tokens that are requested without a scope
_VIEW = frozenset(
    {
        Permission.VIEW_APIS,
        Permission.VIEW_SETTINGS,
        Permission.VIEW_ENDPOINT_CERTIFICATES,
        Permission.VIEW_CALLER_CERTIFICATES,
    }
)
_CERTIFICATES = frozenset(
    {
        Permission.ADD_ENDPOINT_CERTIFICATES,
        Permission.CHANGE_ENDPOINT_CERTIFICATES,
        Permission.ADD_CALLER_CERTIFICATES,
        Permission.CHANGE_CALLER_CERTIFICATES,
    }
)
# For lists that are always empty, because Holdfast doesn't have what they list.
_OF_EMPTY_LISTS = (
    "apim:common_operation_policy_manage",
    "apim:common_operation_policy_view",
    "apim:policies_import_export",
    "apim:publisher_organization_read",
    "apim:subscription_manage",
    "apim:subscription_view",
    "apim:tier_manage",
    "apim:tier_view",
)
SCOPES: dict[str, frozenset[Permission]] = {
    "apim:api_view": _VIEW,
    "apim:api_create": _CERTIFICATES | {Permission.CHANGE_APIS, Permission.TEST_ENDPOINTS},
    "apim:api_publish": frozenset({Permission.PUBLISH_APIS, Permission.TEST_ENDPOINTS}),
    "apim:api_delete": frozenset({Permission.DELETE_APIS}),
    "apim:document_create": frozenset({Permission.CHANGE_DOCUMENTS}),
    "apim:document_manage": frozenset({Permission.CHANGE_DOCUMENTS}),
    "apim:api_import_export": _VIEW
    | _CERTIFICATES
    | {Permission.CHANGE_APIS, Permission.DELETE_APIS, Permission.PUBLISH_APIS},
    "apim:api_product_import_export": frozenset({Permission.VIEW_APIS}),
    "apim:publisher_settings": frozenset({Permission.VIEW_SETTINGS}),
    "apim:ep_certificates_view": frozenset({Permission.VIEW_ENDPOINT_CERTIFICATES}),
    "apim:ep_certificates_add": frozenset({Permission.ADD_ENDPOINT_CERTIFICATES}),
    "apim:ep_certificates_update": frozenset({Permission.CHANGE_ENDPOINT_CERTIFICATES}),
    "apim:client_certificates_view": frozenset({Permission.VIEW_CALLER_CERTIFICATES}),
    "apim:client_certificates_add": frozenset({Permission.ADD_CALLER_CERTIFICATES}),
    "apim:client_certificates_update": frozenset({Permission.CHANGE_CALLER_CERTIFICATES}),
    "apim:api_manage": _VIEW
    | _CERTIFICATES
    | {Permission.CHANGE_APIS, Permission.DELETE_APIS, Permission.PUBLISH_APIS, Permission.TEST_ENDPOINTS}
    | {Permission.CHANGE_DOCUMENTS},
    "apim:api_list_view": frozenset({Permission.VIEW_APIS}),
    "apim:api_definition_view": frozenset({Permission.VIEW_APIS}),
    "apim:api_generate_key": frozenset({Permission.VIEW_APIS}),
    "apim:ep_certificates_manage": frozenset(
        {
            Permission.VIEW_ENDPOINT_CERTIFICATES,
            Permission.ADD_ENDPOINT_CERTIFICATES,
            Permission.CHANGE_ENDPOINT_CERTIFICATES,
        }
    ),
    "apim:client_certificates_manage": frozenset(
        {
            Permission.VIEW_CALLER_CERTIFICATES,
            Permission.ADD_CALLER_CERTIFICATES,
            Permission.CHANGE_CALLER_CERTIFICATES,
        }
    ),
    **dict.fromkeys(_OF_EMPTY_LISTS, frozenset({Permission.VIEW_SETTINGS})),
    "holdfast:endpoint_test": frozenset({Permission.TEST_ENDPOINTS}),
    "holdfast:trust_settings": frozenset({Permission.CHANGE_TRUST_SETTINGS}),
    "holdfast:trust_exceptions": frozenset({Permission.GRANT_TRUST_EXCEPTIONS}),
    "holdfast:client_certificates": frozenset({Permission.MANAGE_GATEWAY_IDENTITIES}),
    "holdfast:notifications": frozenset({Permission.MANAGE_NOTIFICATIONS}),
    "holdfast:owners": frozenset({Permission.CHANGE_OWNERS}),
    "holdfast:gateways": frozenset({Permission.MANAGE_GATEWAYS}),
    "holdfast:audit": frozenset({Permission.READ_AUDIT_LOG}),
    "holdfast:users": frozenset({Permission.MANAGE_USERS}),
    "holdfast:organizations": frozenset({Permission.MANAGE_ORGANIZATIONS}),
}


def list_scope_permissions(scopes: Iterable[str]) -> frozenset[Permission]:
    """Return the permissions of these scopes; unknown names, such as those of other versions of Holdfast, have none."""
    return frozenset(permission for scope in scopes for permission in SCOPES.get(scope, ()))


def list_scopes_permitting(either: Iterable[Permission]) -> list[str]:
    """List the scopes that each include at least one of these permissions."""
    alternatives = frozenset(either)
    return [scope for scope, permissions in SCOPES.items() if permissions & alternatives]


def list_grantable_scopes(permissions: frozenset[Permission]) -> list[str]:
    """List the scopes that have an effect for a user with these permissions."""
    return list_scopes_permitting(permissions)


def grant_scopes(scopes: Iterable[str], permissions: frozenset[Permission]) -> list[str]:
    """Return those of *scopes* that exist and have an effect for a user with these permissions."""
    names = set(scopes) or {DEFAULT_SCOPE}
    return [scope for scope in list_grantable_scopes(permissions) if scope in names]


def check_scopes(scopes: Iterable[str], permissions: frozenset[Permission]) -> list[str]:
    """Return *scopes* in the order of SCOPES if all can be granted. Raises InvalidField."""
    names = set(scopes)
    if not names:
        raise InvalidField("scopes", "Choose at least one scope.")
    allowed_scopes = list_grantable_scopes(permissions)
    if wrong := sorted(names - set(allowed_scopes)):
        raise InvalidField(
            "scopes", f"Your roles don't allow the scope {wrong[0]!r}. Choose from {', '.join(allowed_scopes)}."
        )
    return [scope for scope in allowed_scopes if scope in names]
