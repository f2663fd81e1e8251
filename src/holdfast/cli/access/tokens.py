"""
The token that `holdfast login` keeps instead of a password: made, looked at, ended.
"""

import platform
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from holdfast.cli.failures import CannotConnect, CommandFailed, Refused, SignInRequired
from holdfast.cli.requests.client import Client
from holdfast.cli.requests.contexts import read_time
from holdfast.cli.requests.publisher import Credentials, Publisher

MADE_BY = "holdfast login, "  # how the names of tokens begin that login makes
LASTS = timedelta(days=90)
MAX_HOST = 20  # characters; names of tokens have 60 at most
TOLD_WITHIN = 5.0  # seconds; nobody waits long for a publisher that is only told
PATH = "/tokens"
CURRENT = f"{PATH}/current"


def make_token(client: Client, now: datetime) -> dict[str, Any]:
    """Make a token with all that whoever *client* signs in may grant; its member `token` is the secret."""
    answer = client.get(PATH)
    name = _name({token["name"] for token in answer["list"]}, now)
    body = {"name": name, "scopes": answer["scopes"], "expiresTime": (now + LASTS).isoformat()}
    return client.call("POST", PATH, json=body)


def current_token(client: Client) -> dict[str, Any] | None:
    """Describe the personal token that *client* signs in with; None where it has none."""
    try:
        return client.get(CURRENT)
    except Refused as error:
        if error.status == 404:
            return None
        raise


def keep_as(user: str, secret: str, described: dict[str, Any], publisher: Publisher, *, by_login: bool) -> Credentials:
    """Give the token *secret* of *user*, which REST has *described*, as it is kept."""
    try:
        return Credentials(user, token=secret, expires_at=read_time(described["expiresTime"]), by_login=by_login)
    except (TypeError, ValueError) as error:
        raise CannotConnect(f"{publisher.url} does not say when its token ends. Look at its URL.") from error


def end_token(publisher: Publisher, who: Credentials) -> bool:
    """
    End the kept token *who* at its publisher; False where it is left alone, or not accepted any more.

    Only what `holdfast login` made is ended: others may use a token that somebody pasted.

    Raises:
        CommandFailed: It may still be valid; the text says until when.
    """
    if who.by_login is False:
        return False
    try:
        with Client(publisher, who, timeout=TOLD_WITHIN) as client:
            # An earlier version did not write down who made it.
            if who.by_login is None and not str((current_token(client) or {}).get("name", "")).startswith(MADE_BY):
                return False
            client.call("DELETE", CURRENT)
    except SignInRequired:
        return False
    except CommandFailed as error:
        until = f"It stays valid until {who.expires_at:%Y-%m-%d %H:%M} UTC; revoke it on the page Tokens."
        failed = CommandFailed(f"The stored token wasn't revoked: {error}\n{until}")
        failed.code = error.code
        raise failed from error
    return True


def _name(taken: set[str], now: datetime) -> str:
    host = "".join(letter for letter in platform.node() if letter.isprintable())[:MAX_HOST].strip() or "unknown host"
    name = f"{MADE_BY}{host}, {now.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return name if name not in taken else next(candidate for n in count(2) if (candidate := f"{name} {n}") not in taken)
