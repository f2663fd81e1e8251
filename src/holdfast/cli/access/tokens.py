"""
The token that `holdfast login` stores: create, read and revoke it.
"""

import platform
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from holdfast.cli.failures import CannotConnect, CommandFailed, RequestRefused, SignInRequired
from holdfast.cli.requests.client import Client
from holdfast.cli.requests.contexts import read_time
from holdfast.cli.requests.publisher import Credentials, Publisher

NAME_PREFIX = "holdfast login, "  # prefix of the names of tokens that login creates
LASTS = timedelta(days=90)
MAX_HOST = 20  # characters; token names are limited to 60
REVOCATION_TIMEOUT = 5.0  # seconds to wait for the publisher to revoke a token
PATH = "/tokens"
CURRENT = f"{PATH}/current"


def make_token(client: Client, now: datetime) -> dict[str, Any]:
    """Create a token with all scopes that the user of *client* can grant; its member `token` is the secret."""
    answer = client.get(PATH)
    name = _choose_name({token["name"] for token in answer["list"]}, now)
    body = {"name": name, "scopes": answer["scopes"], "expiresTime": (now + LASTS).isoformat()}
    return client.call("POST", PATH, json=body)


def find_current_token(client: Client) -> dict[str, Any] | None:
    """Return the personal token that *client* uses; None if it uses another kind."""
    try:
        return client.get(CURRENT)
    except RequestRefused as error:
        if error.status == 404:
            return None
        raise


def keep_as(user: str, secret: str, members: dict[str, Any], publisher: Publisher, *, by_login: bool) -> Credentials:
    """Build the credentials to store: the token *secret* of *user*, with *members* from REST. Raises CannotConnect."""
    try:
        return Credentials(user, token=secret, expires_at=read_time(members["expiresTime"]), by_login=by_login)
    except (TypeError, ValueError) as error:
        raise CannotConnect(f"{publisher.url} didn't say when the token expires. Check the URL.") from error


def end_token(publisher: Publisher, who: Credentials) -> bool:
    """
    Revoke the stored token *who* at its publisher; return False if it stays valid or is invalid already.

    Only tokens that `holdfast login` created are revoked: a pasted token can be in use elsewhere.

    Raises:
        CommandFailed: The token may still be valid; the text says until when.
    """
    if who.by_login is False:
        return False
    try:
        with Client(publisher, who, timeout=REVOCATION_TIMEOUT) as client:
            # Earlier versions didn't store who created it.
            if who.by_login is None and not str((find_current_token(client) or {}).get("name", "")).startswith(
                NAME_PREFIX
            ):
                return False
            client.call("DELETE", CURRENT)
    except SignInRequired:
        return False
    except CommandFailed as error:
        until = f"It stays valid until {who.expires_at:%Y-%m-%d %H:%M} UTC. Revoke it on the Tokens page."
        failure = CommandFailed(f"The stored token wasn't revoked: {error}\n{until}")
        failure.code = error.code
        raise failure from error
    return True


def _choose_name(names: set[str], now: datetime) -> str:
    host = "".join(letter for letter in platform.node() if letter.isprintable())[:MAX_HOST].strip() or "unknown host"
    name = f"{NAME_PREFIX}{host}, {now.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return name if name not in names else next(candidate for n in count(2) if (candidate := f"{name} {n}") not in names)
