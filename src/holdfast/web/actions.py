"""
The button next to a failure: its label and target.
"""

from dataclasses import dataclass
from urllib.parse import quote

from holdfast.gateway.failures.explanation import SuggestedAction
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.failures.failed_calls import FailedCall

_TARGETS: dict[SuggestedAction, tuple[Permission, str, str]] = {
    SuggestedAction.IMPORT_CERTIFICATE: (
        Permission.ADD_ENDPOINT_CERTIFICATES,
        "Import the certificate",
        "new-certificate?endpoint={endpoint}",
    ),
    SuggestedAction.IMPORT_TOKEN_CERTIFICATE: (
        Permission.ADD_ENDPOINT_CERTIFICATES,
        "Import the certificate",
        "new-certificate?tokens_of={environment}",
    ),
    SuggestedAction.REPLACE_CERTIFICATE: (
        Permission.CHANGE_ENDPOINT_CERTIFICATES,
        "Replace the certificate",
        "endpoints?certificates",
    ),
    SuggestedAction.CHANGE_ENDPOINT: (Permission.CHANGE_APIS, "Change the endpoint", "endpoints"),
    SuggestedAction.CHANGE_ENDPOINT_SECURITY: (
        Permission.CHANGE_APIS,
        "Change endpoint security",
        "endpoints?certificates#endpoint-security",
    ),
    SuggestedAction.ADD_GATEWAY_IDENTITY: (
        Permission.MANAGE_GATEWAY_IDENTITIES,
        "Add a gateway identity",
        "client-certificate/import?endpoint={endpoint}",
    ),
    SuggestedAction.CHANGE_TRUST_SETTINGS: (
        Permission.CHANGE_TRUST_SETTINGS,
        "Change trust settings",
        "trust/{environment}?endpoint={endpoint}",
    ),
    SuggestedAction.TEST_ENDPOINT: (
        Permission.TEST_ENDPOINTS,
        "Test against the endpoint",
        "trust/{environment}/test?endpoint={endpoint}",
    ),
}
_DIALOGS = frozenset({SuggestedAction.IMPORT_CERTIFICATE, SuggestedAction.IMPORT_TOKEN_CERTIFICATE})


@dataclass(frozen=True, slots=True)
class Button:
    """A link that looks like a button."""

    label: str
    path: str
    is_dialog: bool = False  # opens over the page


def find_button(call: FailedCall, endpoint: str, user: Principal) -> Button | None:
    """Return the button for a failed request to *endpoint*; None if there is none, or *user* lacks the permission."""
    action = call.explanation.action
    if action is None or call.environment is None:
        return None
    permission, label, path = _TARGETS[action]
    if not user.may(permission):
        return None
    path = path.format(environment=call.environment, endpoint=quote(endpoint, safe=""))
    return Button(label, f"/apis/{call.api_id}/{path}", action in _DIALOGS)
