"""
The one button beside a failure: what it is called, and where it leads.
"""

from urllib.parse import quote

from holdfast.apis.endpoint import Environment
from holdfast.gateway.causes import Action

_TARGETS: dict[Action, tuple[str, str]] = {
    Action.IMPORT_CERTIFICATE: ("Import the certificate", "certificates/new"),
    Action.REPLACE_CERTIFICATE: ("Replace the certificate", "endpoints?certificates"),
    Action.CHANGE_ENDPOINT: ("Change the endpoint", "endpoints"),
    Action.ADD_CLIENT_CERTIFICATE: ("Add a client certificate", "client-certificate/import?endpoint={endpoint}"),
    Action.CHANGE_TRUST_SETTINGS: ("Change what is trusted", "trust/{environment}"),
    Action.TEST_ENDPOINT: ("Test against the endpoint", "trust/{environment}/test"),
}


def action_target(action: Action, api_id: str, environment: Environment, endpoint: str) -> tuple[str, str]:
    """Give the label of the button and the path that it leads to."""
    label, path = _TARGETS[action]
    return label, f"/apis/{api_id}/{path.format(environment=environment, endpoint=quote(endpoint, safe=''))}"
