"""
Use cases for one's own account: the password and the browser sessions.
"""

from dataclasses import replace

from holdfast.apis.errors import InvalidField
from holdfast.services.access.accounts import Accounts
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.failed_sign_ins import Way
from holdfast.services.access.passwords import check_password
from holdfast.services.access.permissions import Permission
from holdfast.services.access.users import get_own_user
from holdfast.services.errors import NotFound, SignInRefused
from holdfast.store.access import accounts, tokens
from holdfast.store.access.accounts import BrowserSession, User
from holdfast.store.access.tokens import Kind
from holdfast.store.audit import Action

NOT_CURRENT = "This isn't your current password."


def get_account(context: Context) -> User:
    """Return the account of the current user. Raises NotFound if it was deleted in the meantime."""
    with context.read() as session:
        return get_own_user(session, context)


def change_password(context: Context, sign_ins: Accounts, current: str, new: str, address: str) -> User:
    """
    Change the current user's password; end their sessions and the tokens of their applications, not personal tokens.

    Raises:
        NotPermitted: The user authenticated with a token.
        InvalidField: *current* is wrong, the user has no password, or *new* isn't allowed.
        TooManyAttempts: *current* was wrong too often.
    """
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    if get_account(context).identity:
        raise InvalidField("current", "You sign in through the identity provider, so you have no password here.")
    context.release()  # verifying and hashing take a while
    try:
        with sign_ins.failures.watch(Way.PASSWORD_CHANGE, address, context.user.name):
            authenticated_user = sign_ins.authenticate(context.user.name, current, address, context.now)
    except SignInRefused as error:
        raise InvalidField("current", NOT_CURRENT) from error
    if new == current:
        raise InvalidField("new", "This is your current password. Choose a different one.")
    password_hash = sign_ins.passwords.hash(check_password(new, context.user.name, "new"))
    with context.write() as session:
        user = get_own_user(session, context)
        if user.password_hash != authenticated_user.password_hash:  # another request has just changed it
            raise InvalidField("current", NOT_CURRENT)
        accounts.set_password_hash(session, user, password_hash)
        tokens.remove_tokens(session, user, (Kind.ACCESS, Kind.REFRESH))
        write_down(session, context.user, context.now, Action.CHANGE_PASSWORD, context.user.name)
    return replace(user, password_hash=password_hash)


def list_sessions(context: Context) -> list[BrowserSession]:
    """List the current user's sessions, newest first. Raises NotPermitted."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    with context.read() as session:
        return accounts.list_sessions(session, get_own_user(session, context), context.now)


def revoke_other_sessions(context: Context, session_id: str) -> None:
    """End all of the current user's sessions except the one with the id *session_id*. Raises NotPermitted."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    with context.write() as session:
        if accounts.remove_other_sessions(session, get_own_user(session, context), session_id):
            write_down(session, context.user, context.now, Action.REVOKE_SESSION, context.user.name)


def revoke_session(context: Context, session_id: str) -> None:
    """End one of the current user's sessions. Raises NotPermitted, NotFound."""
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    with context.write() as session:
        if not accounts.remove_session_of(session, get_own_user(session, context), session_id):
            raise NotFound("session", session_id)
        write_down(session, context.user, context.now, Action.REVOKE_SESSION, context.user.name)
