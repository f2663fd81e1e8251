"""
Settings for access tokens of a backend (RFC 6749, sections 4.3 and 4.4): the token endpoint, and the request to it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import parse_qsl, unquote

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible
from holdfast.apis.url import BACKENDS, parse_url

MAX_URL, MAX_ID, MAX_PARAMETERS, MAX_PARAMETER = 2048, 256, 20, 1024
_NAME = re.compile(r"[A-Za-z0-9._~-]{1,64}")
# Set by the gateway, or secrets: parameters are returned and written to the audit trail.
_RESERVED = frozenset(
    {"grant_type", "client_id", "client_secret", "username", "password", "assertion", "client_assertion"}
    | {"client_assertion_type", "code", "refresh_token", "subject_token", "actor_token"}
)


class Grant(StrEnum):
    """Grant types that gateways use, as in WSO2's REST; in lower case, the values of `grant_type` (RFC 6749)."""

    CLIENT_CREDENTIALS = "CLIENT_CREDENTIALS"
    PASSWORD = "PASSWORD"  # of a user, in addition to the client's secret  # noqa: S105


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """The *url* of a token endpoint, the id of the client, and further parameters, such as `scope`, by name."""

    url: str
    client_id: str
    parameters: tuple[tuple[str, str], ...] = ()
    grant: Grant = Grant.CLIENT_CREDENTIALS


def check_token_settings(settings: TokenSettings, field: str) -> TokenSettings:
    """Return *settings* as stored. Raises InvalidField; *field* is prefixed to the name of the wrong member."""
    url = settings.url.strip()
    try:
        if not url or len(url) > MAX_URL:
            raise ValueError(f"The URL must have 1 to {MAX_URL} characters.")
        parts = parse_url(url, BACKENDS)
        if any(unquote(segment) in {".", ".."} for segment in parts.path.split("/")):
            raise ValueError("The URL's path contains . or .. as a segment.")
        if not url.lower().startswith("http"):
            raise ValueError("Tokens are requested over http or https.")
    except ValueError as error:
        message = f"{error} Use a URL like https://login.example/oauth2/token."
        raise InvalidField(f"{field}tokenUrl", message) from error
    client = check_visible(settings.client_id.strip(), f"{field}clientId", "The client ID")
    if not client or len(client) > MAX_ID:
        raise InvalidField(f"{field}clientId", f"Enter a client ID of 1 to {MAX_ID} characters.")
    place = f"{field}customParameters"
    if len(settings.parameters) > MAX_PARAMETERS:
        raise InvalidField(place, f"Use at most {MAX_PARAMETERS} parameters.")
    for name, value in settings.parameters:
        if not _NAME.fullmatch(name):
            raise InvalidField(place, "Use names of 1 to 64 letters, digits or . _ ~ -, such as scope.")
        if name.lower() in _RESERVED:
            raise InvalidField(place, f"Leave {name} out: the gateway sets it, or it is secret.")
        if len(check_visible(value, place, "The parameter")) > MAX_PARAMETER:
            raise InvalidField(place, f"Use at most {MAX_PARAMETER} characters for a parameter.")
    return replace(settings, url=url, client_id=client, parameters=tuple(sorted(settings.parameters)))


def read_grant(value: str, field: str) -> Grant:
    """Read a grant type, client credentials if empty. Raises InvalidField for others than gateways use."""
    try:
        return Grant(value.strip().upper() or Grant.CLIENT_CREDENTIALS)
    except ValueError:
        raise InvalidField(f"{field}grantType", f"Use {' or '.join(Grant)}.") from None


def read_parameters(value: object, field: str) -> tuple[tuple[str, str], ...]:
    """
    Read further parameters: a mapping of texts, the same as a JSON text, or a text like `scope=read&audience=shop`.

    Raises InvalidField.
    """
    problem = InvalidField(f"{field}customParameters", "Use names and values like scope=read&audience=shop.")
    if isinstance(value, str):
        text = value.strip()
        try:
            value = json.loads(text) if text.startswith("{") else _read_pairs(text)
        except (ValueError, RecursionError):
            raise problem from None
    if value is None:
        return ()
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for pair in value.items() for text in pair):
        raise problem
    return tuple(sorted(value.items()))


def _read_pairs(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=100) if text else []
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a name is repeated")
    return dict(pairs)
