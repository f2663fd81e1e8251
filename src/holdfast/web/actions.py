"""
The one button beside a failure: what it is called, and where it leads.
"""

from urllib.parse import quote

from holdfast.apis.catalog.endpoint import Environment
from holdfast.gateway.failures.explanations import Action
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal

_TARGETS: dict[Action, tuple[Permission, str, str]] = {
    Action.IMPORT_CERTIFICATE: (
        Permission.ADD_ENDPOINT_CERTIFICATES,
        "Import the certificate",
        "certificates/new",
    ),
    Action.REPLACE_CERTIFICATE: (
        Permission.CHANGE_ENDPOINT_CERTIFICATES,
        "Replace the certificate",
        "endpoints?certificates",
    ),
    Action.CHANGE_ENDPOINT: (Permission.CHANGE_APIS, "Change the endpoint", "endpoints"),
    Action.ADD_GATEWAY_IDENTITY: (
        Permission.MANAGE_GATEWAY_IDENTITIES,
        "Add a client certificate",
        "client-certificate/import?endpoint={endpoint}",
    ),
    Action.CHANGE_TRUST_SETTINGS: (
        Permission.CHANGE_TRUST_SETTINGS,
        "Change what is trusted",
        "trust/{environment}",
    ),
    Action.TEST_ENDPOINT: (Permission.TEST_ENDPOINTS, "Test against the endpoint", "trust/{environment}/test"),
}


def action_target(
    action: Action, who: Principal, api_id: str, environment: Environment, endpoint: str
) -> tuple[str, str] | None:
    """Give the label of the button and the path that it leads to; None to who may not do it."""
    permission, label, path = _TARGETS[action]
    if not who.may(permission):
        return None
    return label, f"/apis/{api_id}/{path.format(environment=environment, endpoint=quote(endpoint, safe=''))}"
