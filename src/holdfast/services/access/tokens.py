"""
Tokens, which scripts send instead of a password: verify them; create, list and revoke personal ones.
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
from holdfast.services.access.permissions import Permission, list_permissions
from holdfast.services.access.principal import Principal
from holdfast.services.access.scopes import check_scopes, list_scope_permissions
from holdfast.services.access.users import get_own_user
from holdfast.services.errors import AlreadyExists, Conflict, NoPersonalToken, NotFound
from holdfast.store.access import tokens
from holdfast.store.access.tokens import Kind, Token
from holdfast.store.audit import Action
from holdfast.store.audit_of_users import NewToken, TokenEnd
from holdfast.store.database import Transactions
from holdfast.store.errors import StoreFailure

MAX_TOKENS = 100  # personal tokens per user
MAX_NAME = 60  # characters
LONGEST = timedelta(days=366)
# Providers don't say when someone leaves, so tokens of users who no longer sign in there stop working.
CONFIRMED_FOR = timedelta(days=30)
# Secret scanners find leaked tokens by these.
_PREFIXES = {Kind.PERSONAL: "hfp_", Kind.ACCESS: "hfa_", Kind.REFRESH: "hfr_", Kind.CALENDAR: "hfc_"}


def generate_secret(kind: Kind) -> str:
    """Create the secret of a token: a prefix for its kind, and 32 random bytes."""
    return _PREFIXES[kind] + secrets.token_urlsafe(32)


def find_token_principal(store: Transactions, secret: str, now: datetime) -> Principal | None:
    """Return a token's principal, with the permissions that its scopes and its user's roles share; None if invalid."""
    with store.read() as session:
        bearer = tokens.get_token(session, hash_token(secret), now)
    if bearer is None or bearer[0].kind in {Kind.REFRESH, Kind.CALENDAR}:
        return None
    token, user = bearer
    if user.identity and now - user.identity.confirmed_at > CONFIRMED_FOR:
        return None
    if token.used_on != tokens.truncate_to_day(now):
        # Only for the page *Tokens*: a request that reads must not fail because this can't be saved.
        with suppress(StoreFailure), store.write() as session:
            tokens.mark_used(session, token, now)
    role_permissions, scope_permissions = list_permissions(user.roles), list_scope_permissions(token.scopes)
    return Principal(
        user.organization,
        user.name,
        role_permissions & scope_permissions,
        beyond_scopes=role_permissions - scope_permissions,
    )


def find_token_owner(store: Transactions, secret: str) -> str:
    """Return the name of a rejected token's user (it may have expired, or they are disabled); empty if unknown."""
    with store.read() as session:
        return tokens.get_owner(session, hash_token(secret))


def create_token(context: Context, name: str, scopes: list[str], expires_at: datetime) -> tuple[Token, str]:
    """
    Create a personal token; return it with its secret, of which only a hash is stored. *expires_at* is aware.

    Raises:
        NotPermitted: The user authenticated with a token.
        InvalidField: The name is empty or too long, the user can't grant a scope, or the expiry is past or over a year
            away.
        Conflict: The user has a token with this name, or too many.
    """
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    name = check_visible(" ".join(name.split()), "name", "The name")
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidField(
            "name", f"Use 1 to {MAX_NAME} characters, for example the name of the script that will use the token."
        )
    checked_scopes = check_scopes(scopes, context.user.permissions)
    if not context.now < expires_at <= context.now + LONGEST:
        raise InvalidField("expires", f"Choose a time in the future, at most {LONGEST.days} days from now.")
    secret = generate_secret(Kind.PERSONAL)
    with context.write() as session:
        user = get_own_user(session, context)
        own_tokens = tokens.list_personal_tokens(session, user, context.now)
        if name in {token.name for token in own_tokens}:
            raise AlreadyExists("name", f"You already have a token named {name}. Revoke it, or choose another name.")
        if len(own_tokens) >= MAX_TOKENS:
            raise Conflict("name", f"You have {MAX_TOKENS} tokens, which is the limit. Revoke some that you don't use.")
        grant = str(uuid.uuid4())
        token = Token(
            grant,
            user.organization,
            user.id,
            grant,
            Kind.PERSONAL,
            name,
            tuple(checked_scopes),
            context.now,
            expires_at,
        )
        tokens.insert_token(session, token, hash_token(secret), context.now)
        details = NewToken(tuple(checked_scopes), expires_at)
        write_down(session, context.user, context.now, Action.CREATE_TOKEN, name, details)
    return token, secret


def list_tokens(context: Context) -> list[Token]:
    """List the current user's personal tokens, newest first. Raises NotPermitted."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    with context.read() as session:
        return tokens.list_personal_tokens(session, get_own_user(session, context), context.now)


def revoke_token(context: Context, token_id: str) -> None:
    """Revoke one of the current user's personal tokens. Raises NotPermitted, NotFound."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    with context.write() as session:
        own = tokens.list_personal_tokens(session, get_own_user(session, context), context.now)
        token = next((token for token in own if token.id == token_id), None)
        if token is None:
            raise NotFound("token", token_id)
        tokens.remove_grant(session, token)
        write_down(session, context.user, context.now, Action.REVOKE_TOKEN, token.name, TokenEnd(scopes=token.scopes))


def get_current_token(context: Context, secret: str) -> Token:
    """Return the personal token that authenticated the request; needs no permission. Raises NoPersonalToken."""
    with context.read() as session:
        return _find_current(session, context, secret)


def revoke_current_token(context: Context, secret: str) -> None:
    """
    Revoke the personal token that authenticated the request. Raises NoPersonalToken.

    This needs no permission, so that any token can be used to sign out.
    """
    with context.write() as session:
        token = _find_current(session, context, secret)
        tokens.remove_grant(session, token)
        details = TokenEnd(by_itself=True, scopes=token.scopes)
        write_down(session, context.user, context.now, Action.REVOKE_TOKEN, token.name, details)


def _find_current(session: Session, context: Context, secret: str) -> Token:
    bearer = tokens.get_token(session, hash_token(secret), context.now)
    if bearer is None or bearer[0].kind is not Kind.PERSONAL or bearer[0].organization != context.user.organization:
        raise NoPersonalToken
    return bearer[0]
