"""
What users do about themselves: their password, and the sessions of their browsers.
"""

from datetime import datetime

from holdfast.apis.errors import InvalidField
from holdfast.services.access.accounts import Accounts
from holdfast.services.access.failed_sign_ins import Way
from holdfast.services.access.passwords import check_password
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.access.users import account_of
from holdfast.services.errors import NotFound, SignInRefused
from holdfast.store import journal
from holdfast.store.access import accounts, tokens
from holdfast.store.access.accounts import BrowserSession, User
from holdfast.store.access.tokens import Kind
from holdfast.store.database import Store


def get_account(store: Store, who: Principal) -> User:
    """Find oneself. Raises NotFound: the account was deleted meanwhile."""
    with store.read() as session:
        return account_of(session, who)


def change_password(
    store: Store, sign_ins: Accounts, who: Principal, current: str, new: str, address: str, now: datetime
) -> User:
    """
    Give oneself another password, and end all sessions and the tokens of applications; personal tokens stay.

    Raises:
        NotPermitted: The user is here by a token.
        InvalidField: *current* is wrong, they have no password, or *new* cannot be chosen.
        TooManyAttempts: *current* was wrong too often.
    """
    who.require(Permission.MANAGE_OWN_ACCOUNT)
    if get_account(store, who).identity:
        raise InvalidField("current", "You sign in by the identity provider, and have no password here.")
    try:
        with sign_ins.failures.watch(Way.PASSWORD_CHANGE, address, who.user):
            sign_ins.authenticate(who.user, current, address, now)
    except SignInRefused as error:
        raise InvalidField("current", "It is not your password.") from error
    if new == current:
        raise InvalidField("new", "It is the password that you have. Choose another.")
    password_hash = sign_ins.passwords.hash(check_password(new, who.user, "new"))
    with store.write() as session:
        user = account_of(session, who)
        accounts.set_password_hash(session, user, password_hash)
        tokens.remove_tokens(session, user, (Kind.ACCESS, Kind.REFRESH))
        journal.record(session, who.event(now, "change password", who.user, ""))
    return user


def list_sessions(store: Store, who: Principal, now: datetime) -> list[BrowserSession]:
    """List one's sessions, newest first. Raises NotPermitted."""
    who.require(Permission.MANAGE_OWN_ACCOUNT)
    with store.read() as session:
        return accounts.sessions_of(session, account_of(session, who), now)


def revoke_session(store: Store, who: Principal, session_id: str, now: datetime) -> None:
    """End one of one's sessions. Raises NotPermitted, NotFound."""
    who.require(Permission.MANAGE_OWN_ACCOUNT)
    with store.write() as session:
        if not accounts.remove_session_of(session, account_of(session, who), session_id):
            raise NotFound("session", session_id)
        journal.record(session, who.event(now, "revoke session", who.user, ""))
