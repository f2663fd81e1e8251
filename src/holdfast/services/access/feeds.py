"""
The calendar feed of a user: an address that calendar programs read without signing in. It is the only credential.
"""

import uuid
from datetime import datetime, timedelta

from holdfast.services.access.accounts import hash_token
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission, list_permissions
from holdfast.services.access.principal import Principal
from holdfast.services.access.tokens import CONFIRMED_FOR, generate_secret
from holdfast.services.access.users import get_own_user
from holdfast.services.errors import NotFound
from holdfast.store.access import tokens
from holdfast.store.access.tokens import Kind, Token
from holdfast.store.audit import Action
from holdfast.store.audit_of_users import NewToken, TokenEnd
from holdfast.store.database import Transactions

FEEDS = "/calendar/"  # what the path of a feed begins with; the rest is its secret
NAME = "calendar feed"
LASTS = timedelta(days=366)
_READS = frozenset({Permission.VIEW_APIS, Permission.VIEW_ENDPOINT_CERTIFICATES})


def find_feed(context: Context) -> Token | None:
    """Return the current user's feed, without its secret; None if there is none."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    with context.read() as session:
        return tokens.get_newest_of_kind(session, get_own_user(session, context), Kind.CALENDAR, context.now)


def create_feed(context: Context) -> tuple[Token, str]:
    """Create a feed in place of the current one; return it with its secret, of which only a hash is stored."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    secret, feed_id = generate_secret(Kind.CALENDAR), str(uuid.uuid4())
    with context.write() as session:
        user = get_own_user(session, context)
        until = context.now + LASTS
        feed = Token(feed_id, user.organization, user.id, feed_id, Kind.CALENDAR, NAME, (), context.now, until)
        tokens.remove_tokens(session, user, (Kind.CALENDAR,))
        tokens.insert_token(session, feed, hash_token(secret), context.now)
        write_down(session, context.user, context.now, Action.CREATE_TOKEN, NAME, NewToken((), until))
    return feed, secret


def revoke_feed(context: Context) -> None:
    """Revoke the current user's feed. Raises NotFound if there is none."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    with context.write() as session:
        user = get_own_user(session, context)
        feed = tokens.get_newest_of_kind(session, user, Kind.CALENDAR, context.now)
        if feed is None:
            raise NotFound("calendar feed", context.user.name)
        tokens.remove_tokens(session, user, (Kind.CALENDAR,))
        write_down(session, context.user, context.now, Action.REVOKE_TOKEN, NAME, TokenEnd())


def open_feed(store: Transactions, secret: str, now: datetime) -> tuple[Principal, Token] | None:
    """
    Return the principal of the feed with this *secret*, which can only read, and the feed.

    None if it doesn't exist, has expired or was revoked, or if its user is disabled or hasn't signed in through their
    identity provider for 30 days.
    """
    with store.read() as session:
        bearer = tokens.get_token(session, hash_token(secret), now)
    if bearer is None or bearer[0].kind is not Kind.CALENDAR:
        return None
    feed, user = bearer
    if user.identity and now - user.identity.confirmed_at > CONFIRMED_FOR:
        return None
    return Principal(user.organization, user.name, list_permissions(user.roles) & _READS), feed
