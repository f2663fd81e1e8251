"""
Tokens: what scripts show instead of a password. Personal ones are made and revoked here.
"""

import secrets
import uuid
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible
from holdfast.services.access.accounts import hash_token
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission, permissions_of
from holdfast.services.access.principal import Principal
from holdfast.services.access.scopes import check_scopes, permissions_of_scopes
from holdfast.services.access.users import account_of
from holdfast.services.errors import Conflict, NoPersonalToken, NotFound
from holdfast.store.access import tokens
from holdfast.store.access.tokens import Kind, Token
from holdfast.store.audit import Action, NewToken, TokenEnd
from holdfast.store.database import Transactions
from holdfast.store.errors import StoreBusy, StoreFull, StoreReadOnly

MAX_TOKENS = 100  # personal ones of one user
MAX_NAME = 60  # characters
LONGEST = timedelta(days=366)
# Who left is no longer confirmed, and nobody tells us: what their tokens open ends by itself.
CONFIRMED_FOR = timedelta(days=30)
_PREFIXES = {Kind.PERSONAL: "hfp_", Kind.ACCESS: "hfa_", Kind.REFRESH: "hfr_"}  # searched for in leaks by scanners


def new_secret(kind: Kind) -> str:
    """Make the secret of a token: 32 random bytes, and what kind it is."""
    return _PREFIXES[kind] + secrets.token_urlsafe(32)


def token_principal(store: Transactions, secret: str, now: datetime) -> Principal | None:
    """Find on whose behalf the bearer of *secret* acts: with what its scopes and the roles of its user permit."""
    with store.read() as session:
        bearer = tokens.token_with_hash(session, hash_token(secret), now)
    if bearer is None or bearer[0].kind is Kind.REFRESH:
        return None
    token, user = bearer
    if user.identity and now - user.identity.confirmed_at > CONFIRMED_FOR:
        return None
    if token.used_on != tokens.day_of(now):
        # The page *Tokens* shows it; a request that only reads must not fail because nothing can be saved.
        with suppress(StoreBusy, StoreFull, StoreReadOnly), store.write() as session:
            tokens.mark_used(session, token, now)
    may, scoped = permissions_of(user.roles), permissions_of_scopes(token.scopes)
    return Principal(user.organization, user.name, may & scoped, beyond_scopes=may - scoped)


def find_token_owner(store: Transactions, secret: str) -> str:
    """Name the user of a token that opens nothing any more, because it expired or they are disabled; empty: unknown."""
    with store.read() as session:
        return tokens.owner_of_hash(session, hash_token(secret))


def create_token(context: Context, name: str, scopes: list[str], expires_at: datetime) -> tuple[Token, str]:
    """
    Make a personal token, and its secret, which is known to nobody afterwards; *expires_at* is aware.

    Raises:
        NotPermitted: The user is here by a token.
        InvalidField: The name is empty or too long, a scope is none that they can give, or it lasts over a year.
        Conflict: They have a token of this name, or too many.
    """
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    name = check_visible(" ".join(name.split()), "name", "The name")
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidField("name", f"Give it a name of 1 to {MAX_NAME} characters, like the script that will use it.")
    checked = check_scopes(scopes, context.user.permissions)
    if not context.now < expires_at <= context.now + LONGEST:
        raise InvalidField("expires", f"It must end in the future, within {LONGEST.days} days.")
    secret = new_secret(Kind.PERSONAL)
    with context.write() as session:
        user = account_of(session, context)
        present = tokens.personal_tokens(session, user, context.now)
        if name in {token.name for token in present}:
            raise Conflict("name", f"You have a token called {name} already. Revoke it, or choose another name.")
        if len(present) >= MAX_TOKENS:
            raise Conflict("name", f"You have {MAX_TOKENS} tokens. Revoke those that nobody uses.")
        grant = str(uuid.uuid4())
        token = Token(
            grant, user.organization, user.id, grant, Kind.PERSONAL, name, tuple(checked), context.now, expires_at
        )
        tokens.insert_token(session, token, hash_token(secret), context.now)
        details = NewToken(tuple(checked), expires_at)
        write_down(session, context.user, context.now, Action.CREATE_TOKEN, name, details)
    return token, secret


def list_tokens(context: Context) -> list[Token]:
    """List one's personal tokens, newest first. Raises NotPermitted."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    with context.read() as session:
        return tokens.personal_tokens(session, account_of(session, context), context.now)


def revoke_token(context: Context, token_id: str) -> None:
    """End one's personal token. Raises NotPermitted, NotFound."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    with context.write() as session:
        own = tokens.personal_tokens(session, account_of(session, context), context.now)
        token = next((token for token in own if token.id == token_id), None)
        if token is None:
            raise NotFound("token", token_id)
        tokens.remove_grant(session, token)
        write_down(session, context.user, context.now, Action.REVOKE_TOKEN, token.name, TokenEnd())


def get_current_token(context: Context, secret: str) -> Token:
    """Find the personal token that the user is signed in with; it needs no permission. Raises NoPersonalToken."""
    with context.read() as session:
        return _find_current(session, context, secret)


def revoke_current_token(context: Context, secret: str) -> None:
    """
    Revoke the personal token that the user is signed in with, and no other. Raises NoPersonalToken.

    It needs no permission, so that who signs out can always do so: it only takes away.
    """
    with context.write() as session:
        token = _find_current(session, context, secret)
        tokens.remove_grant(session, token)
        write_down(session, context.user, context.now, Action.REVOKE_TOKEN, token.name, TokenEnd(by_itself=True))


def _find_current(session: Session, context: Context, secret: str) -> Token:
    bearer = tokens.token_with_hash(session, hash_token(secret), context.now)
    if bearer is None or bearer[0].kind is not Kind.PERSONAL or bearer[0].organization != context.user.organization:
        raise NoPersonalToken
    return bearer[0]
