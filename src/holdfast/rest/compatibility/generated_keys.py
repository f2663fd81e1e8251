"""
`generate-key` of an API: a key for tests with WSO2's publisher, which its clients request before they call an API.
"""

import secrets

from typing_extensions import TypedDict

from holdfast.rest.authentication import RequestContext
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.catalog.apis import get_api

router = Router(prefix=f"{PREFIX}/apis", tags=["Compatibility"])
VALIDITY = 3600  # seconds, as in WSO2


class GeneratedKey(TypedDict):
    """A key that gateways don't check; WSO2's `APIKey`."""

    apikey: str
    validityTime: int
    checked: bool


@router.post("/{api_id}/generate-key")
def generate_key(context: RequestContext, api_id: str) -> GeneratedKey:
    """
    Generate a key for testing an API.

    Nothing is stored, and gateways don't check the key: they accept requests with any key or none. To restrict who can
    call the API, use caller certificates.
    """
    get_api(context, api_id)
    return {"apikey": secrets.token_urlsafe(32), "validityTime": VALIDITY, "checked": False}
