"""
Sign-in with a password, and browser sessions that can be revoked.
"""

import hashlib
import hmac
import secrets
import threading
import uuid
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from holdfast.services.access.attempts import Attempts, make_client_key
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.failed_sign_ins import FailedSignIns
from holdfast.services.access.password_threads import PasswordThreads
from holdfast.services.access.passwords import AT_ONCE, Passwords
from holdfast.services.access.passwords import MAX_PASSWORD as MAX_PASSWORD
from holdfast.services.access.permissions import Role, list_permissions
from holdfast.services.access.principal import Principal
from holdfast.services.errors import SignInRefused
from holdfast.store.access import accounts
from holdfast.store.access.accounts import User
from holdfast.store.audit import Action
from holdfast.store.database import Store, Transactions
from holdfast.store.errors import StoreFailure
from holdfast.store.sealing import Sealing

ADMIN = "admin"  # the first user; the operator can always reset its password
SESSION_COOKIE = "holdfast_session"
SESSION_LASTS = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=15)  # that a session is used is recorded about as often
MAX_SESSIONS = 100  # per user; beyond that, the oldest end
VERIFIED_LASTS = timedelta(hours=1)  # keys contain the hash, so a changed password takes effect at once
MAX_VERIFIED = 1_000
MAX_AGENT = 200  # characters


def make_principal(user: User, address: str = "") -> Principal:
    """Return the principal for *user*, with the permissions of their roles; *address* is empty if unknown."""
    return Principal(user.organization, user.name, list_permissions(user.roles), address=address or None)


def hash_token(token: str) -> str:
    """Return the hash that is stored for a token of 32 random bytes. A fast hash is enough: nobody can guess these."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_session_principal(store: Transactions, token: str, now: datetime) -> Principal | None:
    """Return the principal for a session's *token*; None if the session is unknown or has ended."""
    token_hash = hash_token(token)
    with store.read() as session:
        row = accounts.get_session(session, token_hash, now)
    if row is None:
        return None
    user, seen_at = row
    if seen_at is None or now - seen_at > SEEN_EVERY:
        # Only for the page *Account*: a request that reads must not fail because this can't be saved.
        with suppress(StoreFailure), store.write() as session:
            accounts.mark_seen(session, token_hash, now)
    return make_principal(user)


def refuse_outdated(session: Session, user: User) -> None:
    """
    Raise SignInRefused unless *user*, who was authenticated before this write transaction, could still sign in.

    Verifying a password takes a while, in which another request, maybe at another control plane, can end all sessions.
    """
    current = accounts.get_user(session, user.organization, user.name)
    if current is None or current.disabled or (current.id, current.password_hash) != (user.id, user.password_hash):
        raise SignInRefused


class Accounts:
    """Verifies passwords and manages sessions; clients that guess have to wait longer and longer."""

    def __init__(self, store: Store, sealing: Sealing) -> None:
        self._store = store
        self.passwords = Passwords()
        self.attempts = Attempts(store, sealing)
        self.failures = FailedSignIns()
        self._key = secrets.token_bytes(32)
        self._verified_at: dict[bytes, datetime] = {}
        self.threads = PasswordThreads()
        # As many as are hashed at once. Attempts that wait for their turn aren't counted as failed in the meantime.
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def ensure_user(self, organization: str, name: str, password: str, now: datetime, *, reset: bool) -> bool:
        """
        Create the organization and its first user, an admin; return whether the user is new.

        With *reset*, the user is created even if the organization has other users, and an existing one gets
        *password*, becomes an admin and is enabled: this lets the operator of the machine back in.
        """
        with self._store.read() as session:
            user = accounts.get_user_by_name(session, name)
        # Hashing is slow, so it happens before the write transaction.
        keeps = user is not None and (not reset or self.passwords.matches(user.password_hash, password))
        password_hash = None if keeps else self.passwords.hash(password)
        system = Principal(organization, SYSTEM)
        with self._store.write() as session:
            if organization not in accounts.list_organizations(session):
                accounts.insert_organization(session, organization, now)
            user = accounts.get_user_by_name(session, name)
            if user is None:
                if password_hash is None or (accounts.count_users(session, organization) and not reset):
                    return False  # a deleted user stays deleted
                user = User(str(uuid.uuid4()), organization, name, password_hash, frozenset({Role.ADMIN}))
                accounts.insert_user(session, user, now)
                write_down(session, system, now, Action.CREATE_USER, name)
                return True
            if reset and (user.disabled or Role.ADMIN not in user.roles):
                user = replace(user, disabled=False, roles=user.roles | {Role.ADMIN})
                accounts.update_user(session, user)
                write_down(session, system, now, Action.MAKE_ADMIN, name)
            if reset and password_hash:
                accounts.set_password_hash(session, user, password_hash)
                write_down(session, system, now, Action.SET_PASSWORD, name)
            return False

    def lacks_first_user(self, organization: str, name: str) -> bool:
        """Return whether `ensure_user` would create the user *name* without a reset."""
        with self._store.read() as session:
            return accounts.get_user_by_name(session, name) is None and not accounts.count_users(session, organization)

    def is_password(self, name: str, password: str) -> bool:
        """Return whether *password* is that of the user *name*. Not counted as an attempt: the operator asks."""
        with self._store.read() as session:
            user = accounts.get_user_by_name(session, name)
        return user is not None and self.passwords.matches(user.password_hash, password)

    async def sign_in(self, store: Transactions, name: str, password: str, client: str, now: datetime) -> User:
        """
        Authenticate a user as `authenticate` does, on the threads for passwords instead of those for other requests.

        Raises Busy, SignInRefused, TooManyAttempts.
        """
        user = await run_in_threadpool(self._recall, store, name, password, client, now)
        if user:
            return user
        store.release()
        return await self.threads.run(self.authenticate, name, password, client, now)

    def authenticate(self, name: str, password: str, client: str, now: datetime) -> User:
        """
        Return the user with this name and password; *client* is the address of the request.

        Raises:
            SignInRefused: Name or password is wrong, or the user is disabled or has no password. A name that doesn't
                exist takes just as long.
            TooManyAttempts: Earlier or concurrent attempts failed, so the client has to wait.
        """
        keys = _make_keys(name, client)
        with self._turn:
            user, password_hash, digest = self._find_candidate(self._store, name, password)
            if user and self._is_verified(digest, now):
                return user
            with self.attempts.attempt(keys, now) as succeed:
                if self.passwords.matches(password_hash, password) and user:
                    self._remember(digest, now)
                    succeed()
                    return user
        raise SignInRefused

    def _recall(self, store: Transactions, name: str, password: str, client: str, now: datetime) -> User | None:
        """Return the user if this password was verified before. Raises TooManyAttempts."""
        user, _, digest = self._find_candidate(store, name, password)
        if user and self._is_verified(digest, now):
            return user
        with store.read() as session:
            self.attempts.refuse_early(session, _make_keys(name, client), now)
        return None

    def _find_candidate(self, store: Transactions, name: str, password: str) -> tuple[User | None, str, bytes]:
        """Return the user who may have this password, the hash to compare it with, and the key in `_verified_at`."""
        with store.read() as session:
            user = accounts.get_user_by_name(session, name)
        user = None if user and (user.disabled or user.identity) else user
        password_hash = user.password_hash if user else self.passwords.nobody
        return user, password_hash, hmac.digest(self._key, f"{password_hash}\0{password}".encode(), hashlib.sha256)

    def _is_verified(self, digest: bytes, now: datetime) -> bool:
        return now < self._verified_at.get(digest, now)

    def start_session(self, user: User, now: datetime, address: str = "", agent: str = "") -> str:
        """
        Sign *user* in and return the session's token; only its hash is stored.

        *address* and *agent* (the browser's User-Agent) let the user recognize the session in the list. Raises
        SignInRefused if *user* was deleted or disabled, or got another password, since they were authenticated.
        """
        token = secrets.token_urlsafe(32)
        with self._store.write() as session:
            refuse_outdated(session, user)
            accounts.insert_session(
                session, hash_token(token), user, now, now + SESSION_LASTS, address, agent[:MAX_AGENT]
            )
            accounts.keep_newest_sessions(session, user, MAX_SESSIONS)
            write_down(session, make_principal(user, address), now, Action.SIGN_IN, user.name)
        return token

    def end_session(self, token: str, now: datetime, address: str = "") -> None:
        """End the session of *token*, on a request from *address*."""
        with self._store.write() as session:
            user = accounts.get_session_user(session, hash_token(token), now)
            accounts.remove_session(session, hash_token(token))
            if user:
                write_down(session, make_principal(user, address), now, Action.SIGN_OUT, user.name)

    def _remember(self, digest: bytes, now: datetime) -> None:
        # Scripts send the password with every request, and argon2id would make each one slow.
        if len(self._verified_at) >= MAX_VERIFIED:
            self._verified_at.clear()
        self._verified_at[digest] = now + VERIFIED_LASTS


def _make_keys(name: str, client: str) -> tuple[str, str]:
    return f"name {name}", f"client {make_client_key(client)}"
