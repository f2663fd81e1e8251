"""
Who may do something here: users, their passwords, and sessions that can be revoked.
"""

import hashlib
import hmac
import secrets
import threading
import uuid
from datetime import datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from holdfast.services.attempts import Attempts
from holdfast.services.errors import SignInRefused
from holdfast.services.permissions import Role, permissions_of
from holdfast.services.principal import Principal
from holdfast.store import accounts, journal
from holdfast.store.accounts import User
from holdfast.store.database import Store
from holdfast.store.journal import AuditEvent

SESSION_COOKIE = "holdfast_session"
SESSION_LASTS = timedelta(hours=12)
VERIFIED_LASTS = timedelta(hours=1)  # another password is another hash, so a change takes effect at once
MAX_VERIFIED = 1_000
AT_ONCE = 2  # passwords checked at the same time: each takes 64 MiB
MAX_PASSWORD = 1_024  # characters; more would only cost us time


def principal_of(user: User) -> Principal:
    """Say on whose behalf *user* acts, and what they may."""
    return Principal(user.organization, user.name, permissions_of(user.roles))


class Accounts:
    """Checks passwords and sessions against the store, slowly for those who guess."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._hasher = PasswordHasher()  # argon2id, the library's parameters (RFC 9106, low-memory profile)
        self._nobody = self._hasher.hash(secrets.token_urlsafe())
        self._attempts = Attempts()
        self._turn = threading.BoundedSemaphore(AT_ONCE)
        self._key = secrets.token_bytes(32)
        self._verified: dict[bytes, datetime] = {}

    def ensure_user(self, organization: str, name: str, password: str, now: datetime, *, reset: bool) -> bool:
        """
        Make the organization and the user, an admin, where they are missing; say whether the user is new.

        With *reset*, a user who exists gets *password*, unless it is theirs already.
        """
        with self._store.write() as session:
            if organization not in accounts.organizations(session):
                accounts.insert_organization(session, organization, now)
            user = accounts.user_named(session, name)
            if user is None:
                user = User(str(uuid.uuid4()), organization, name, self._hasher.hash(password), frozenset({Role.ADMIN}))
                accounts.insert_user(session, user, now)
                journal.record(session, AuditEvent(organization, now, "holdfast", "create user", name, ""))
                return True
            if reset and not self._matches(user.password_hash, password):
                accounts.set_password_hash(session, user, self._hasher.hash(password))
                journal.record(session, AuditEvent(organization, now, "holdfast", "set password", name, ""))
            return False

    def authenticate(self, name: str, password: str, client: str, now: datetime) -> User:
        """
        Find the user with this name and password; *client* is the address that asks.

        Raises:
            SignInRefused: They do not belong together. Takes as long for a name that does not exist.
            TooManyAttempts: Attempts failed before; a while must pass.
        """
        with self._store.read() as session:
            user = accounts.user_named(session, name)
        stored = user.password_hash if user else self._nobody
        digest = hmac.digest(self._key, f"{stored}\0{password}".encode(), hashlib.sha256)
        if user and now < self._verified.get(digest, now):
            return user
        keys = (f"name {name}", f"client {client}")
        self._attempts.refuse_early(keys, now)
        if self._matches(stored, password) and user:
            self._remember(digest, now)
            self._attempts.succeeded(keys)
            return user
        self._attempts.failed(keys, now)
        raise SignInRefused

    def start_session(self, user: User, now: datetime) -> str:
        """Sign *user* in and give the session's token; only its hash is stored."""
        token = secrets.token_urlsafe(32)
        with self._store.write() as session:
            accounts.insert_session(session, _hash(token), user, now, now + SESSION_LASTS)
            journal.record(session, AuditEvent(user.organization, now, user.name, "sign in", user.name, ""))
        return token

    def session_principal(self, token: str, now: datetime) -> Principal | None:
        """Find on whose behalf the bearer of *token* acts, if the session has not ended."""
        with self._store.read() as session:
            user = accounts.session_user(session, _hash(token), now)
        return principal_of(user) if user else None

    def end_session(self, token: str, now: datetime) -> None:
        """Sign out; the token is worth nothing afterwards."""
        with self._store.write() as session:
            user = accounts.session_user(session, _hash(token), now)
            accounts.remove_session(session, _hash(token))
            if user:
                journal.record(session, AuditEvent(user.organization, now, user.name, "sign out", user.name, ""))

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            with self._turn:
                return len(password) <= MAX_PASSWORD and self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def _remember(self, digest: bytes, now: datetime) -> None:
        # Scripts send the password with each request; argon2id for each would make every request slow.
        if len(self._verified) >= MAX_VERIFIED:
            self._verified.clear()
        self._verified[digest] = now + VERIFIED_LASTS


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
