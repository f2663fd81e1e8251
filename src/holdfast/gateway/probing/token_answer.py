"""
One request to a token endpoint through Envoy's probe listener (RFC 6749, sections 4.3, 4.4 and 5). Blocks.

Envoy verifies the endpoint like any backend. Uses the standard library: other clients take more memory.
"""

import json
import socket
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

from holdfast.gateway.failures.causes import CERTIFICATE_CAUSES, Cause, classify_reason
from holdfast.gateway.probing.constants import CLUSTER_HEADER, FLAGS_HEADER, REFUSAL
from holdfast.gateway.resources.token_requests import TokenRequest

ANSWERS_WITHIN = 15.0  # seconds; Envoy gives up earlier, see `listener.py`
MAX_ANSWER, MAX_TOKEN = 64 * 1024, 16 * 1024  # bytes, characters
DEFAULT_LIFETIME, LONGEST_LIFETIME = 300.0, 86_400.0  # seconds, without `expires_in`, and at most
# RFC 6749, section 5.2. Anything else that a token endpoint says stays out of reports: it could contain the secret.
_ERRORS = frozenset(
    {"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"}
    | {"invalid_scope", "invalid_target", "temporarily_unavailable", "server_error"}
)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and for how many seconds it is valid."""

    value: str = field(repr=False)
    lifetime: float


class NoToken(Exception):
    """There is no token, for a cause that operators know; *is_passing*: trying again soon is likely to help."""

    def __init__(self, cause: Cause, words: str, *, is_passing: bool = False) -> None:
        super().__init__(words)
        self.cause, self.words, self.is_passing = cause, words, is_passing


class EnvoyNotReady(Exception):
    """Envoy isn't running, or doesn't have the token endpoint's cluster yet."""


def ask_for_token(
    probe_socket: Path, request: TokenRequest, on_connect: Callable[[socket.socket], None] = lambda _: None
) -> Token:
    """
    Return a new token; *on_connect* gets the socket, whose shutdown ends this early.

    Raises NoToken, EnvoyNotReady.
    """
    import http.client  # most gateways need no tokens, and it takes 1 MB

    user = {"username": request.username, "password": request.password} if request.has_password else {}
    form = urlencode({"grant_type": request.grant_type, **user, **dict(request.parameters)})
    credential = f"{quote_plus(request.client_id)}:{quote_plus(request.secret)}"  # RFC 6749, section 2.3.1
    headers = {
        CLUSTER_HEADER: request.cluster,
        "Host": request.authority,
        "User-Agent": "Holdfast",
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "Authorization": f"Basic {b64encode(credential.encode()).decode()}",
    }
    connection = http.client.HTTPConnection("token", timeout=ANSWERS_WITHIN)
    try:
        connection.sock = _connect(probe_socket, on_connect)
        connection.request("POST", request.target, form, headers)
        response = connection.getresponse()
        body = response.read(MAX_ANSWER + 1)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise EnvoyNotReady from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoToken(Cause.TOKEN_ENDPOINT_UNREACHABLE, "Envoy doesn't answer.", is_passing=True) from error
    finally:
        connection.close()
    if flags := response.headers.get(FLAGS_HEADER):
        if "NC" in flags.split(","):
            raise EnvoyNotReady
        raise _explain_refusal(body, flags)
    return read_answer(response.status, body)


def read_answer(status: int, body: bytes) -> Token:
    """Return the token in the response of a token endpoint. Raises NoToken, without any text of the response."""
    members = _read_members(body)
    if status != 200:
        error = members.get("error")
        code = error if isinstance(error, str) and error in _ERRORS else ""
        words = f"status {status}" + (f", {code}" if code else "")
        is_passing = status >= 500 or status == 429
        raise NoToken(
            Cause.TOKEN_ANSWER_INVALID if 300 <= status < 400 else Cause.TOKEN_REQUEST_REJECTED,
            words,
            is_passing=is_passing,
        )
    token, kind = members.get("access_token"), members.get("token_type", "Bearer")
    is_token = isinstance(token, str) and token.isascii() and token.isprintable() and " " not in token
    if not isinstance(token, str) or not is_token or not 0 < len(token) <= MAX_TOKEN:
        raise NoToken(Cause.TOKEN_ANSWER_INVALID, "no access_token that a header can contain")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise NoToken(Cause.TOKEN_ANSWER_INVALID, "the token_type isn't Bearer")
    return Token(token, _read_lifetime(members.get("expires_in")))


def _read_members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body) if len(body) <= MAX_ANSWER else None
    except (ValueError, RecursionError):
        members = None
    return members if isinstance(members, dict) else {}


def _read_lifetime(value: object) -> float:
    """Return the seconds in `expires_in`, which some servers send as a text."""
    if value is None:
        return DEFAULT_LIFETIME
    try:
        seconds = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        seconds = 0.0
    if not seconds >= 1:  # also not a number
        raise NoToken(Cause.TOKEN_ANSWER_INVALID, "expires_in isn't a number of seconds")
    return min(seconds, LONGEST_LIFETIME)


def _explain_refusal(body: bytes, flags: str) -> NoToken:
    """Return why Envoy had no response, from its own one (`listener.py`)."""
    reason, details, _ = (str(_read_members(body).get(name) or "") for name in REFUSAL)
    codes = set(flags.split(","))
    cause = classify_reason(
        reason, timed_out=bool(codes & {"UT", "SI"}), without_host=bool(codes & {"UH", "DF"}), presents_identity=False
    )
    words = cause.value if cause is not Cause.OTHER else reason or details
    # Not each TLS error: a token endpoint that stops resets the handshake.
    about_trust = cause in CERTIFICATE_CAUSES or "CERTIFICATE" in reason
    final = Cause.TOKEN_ENDPOINT_NOT_TRUSTED if about_trust else Cause.TOKEN_ENDPOINT_UNREACHABLE
    return NoToken(final, words, is_passing=True)


def _connect(path: Path, on_connect: Callable[[socket.socket], None]) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        on_connect(connection)
        connection.settimeout(ANSWERS_WITHIN)
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection
