"""
The explanation of a failed request.
"""

from dataclasses import dataclass
from enum import StrEnum


class SuggestedAction(StrEnum):
    """The button that a page shows next to a cause."""

    IMPORT_CERTIFICATE = "import_certificate"  # fetched from the endpoint
    # Fetched from the token endpoint.
    IMPORT_TOKEN_CERTIFICATE = "import_token_certificate"  # noqa: S105 - the name of an action
    REPLACE_CERTIFICATE = "replace_certificate"
    CHANGE_ENDPOINT = "change_endpoint"
    CHANGE_ENDPOINT_SECURITY = "change_endpoint_security"
    ADD_GATEWAY_IDENTITY = "add_client_certificate"
    CHANGE_TRUST_SETTINGS = "change_trust_settings"
    TEST_ENDPOINT = "test_endpoint"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The meaning of a cause, its remedy, and the button for that, if there is one."""

    sentence: str
    remedy: str
    action: SuggestedAction | None = None
