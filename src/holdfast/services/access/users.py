"""
The users of an organization, managed by its admins; and organizations, managed by those of the default one.
"""

import re
import uuid
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible
from holdfast.services.access.passwords import Passwords, check_password
from holdfast.services.access.permissions import Permission, Role
from holdfast.services.access.principal import Principal
from holdfast.services.errors import Conflict, NotFound, NotPermitted
from holdfast.store import journal
from holdfast.store.access import accounts, tokens
from holdfast.store.access.accounts import User
from holdfast.store.access.tokens import Kind
from holdfast.store.database import Store
from holdfast.store.journal import AuditEvent

MAX_USERS = 10_000  # of one organization
MAX_ORGANIZATIONS = 10_000
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_ORGANIZATION = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")


def account_of(session: Session, who: Principal) -> User:
    """Find the user that *who* is. Raises NotFound."""
    return _found(session, who, who.user)


def sign_in_name(organization: str, name: str) -> str:
    """
    Say by which name a user signs in: names in the default organization are their own, others end with @ORGANIZATION.

    So nobody meets, or learns of, a name of another organization. Raises InvalidField.
    """
    short = check_visible(name, "name", "The name").removesuffix(f"@{organization}")
    if not _NAME.fullmatch(short):
        raise InvalidField("name", "Write it with 1 to 64 letters A to Z, digits, dots, hyphens and underscores.")
    return short if organization == DEFAULT_ORGANIZATION else f"{short}@{organization}"


def list_users(store: Store, who: Principal, offset: int = 0, limit: int | None = None) -> tuple[list[User], int]:
    """List users by name, with the number of all. Raises NotPermitted."""
    who.require(Permission.MANAGE_USERS)
    with store.read() as session:
        return accounts.find_users(session, who.organization, offset, limit)


def get_user(store: Store, who: Principal, name: str) -> User:
    """Find a user by the name that they sign in with. Raises NotPermitted, NotFound."""
    who.require(Permission.MANAGE_USERS)
    with store.read() as session:
        return _found(session, who, name)


def create_user(
    store: Store, passwords: Passwords, who: Principal, name: str, password: str, roles: Collection[str], now: datetime
) -> User:
    """
    Make a user with these roles.

    Raises:
        NotPermitted, InvalidField
        Conflict: There is a user of that name.
    """
    who.require(Permission.MANAGE_USERS)
    name = sign_in_name(who.organization, name)
    checked = check_roles(roles)
    password_hash = passwords.hash(check_password(password, name))
    with store.write() as session:
        if accounts.user_in(session, who.organization, name):
            raise Conflict("name", f"There is a user called {name} already.")
        if accounts.count_users(session, who.organization) >= MAX_USERS:
            raise Conflict("name", f"There are {MAX_USERS} users. Delete those who have left.")
        user = User(str(uuid.uuid4()), who.organization, name, password_hash, checked)
        accounts.insert_user(session, user, now)
        _written(session, who, "create user", user, f"roles {' '.join(sorted(checked))}", now)
    return user


def change_user(
    store: Store, who: Principal, name: str, now: datetime, *, roles: Collection[str] | None, disabled: bool | None
) -> User:
    """
    Give a user other roles, or let them sign in or not; None leaves what is. Who is disabled is signed out everywhere.

    Raises:
        NotPermitted, InvalidField, NotFound
        Conflict: No admin with a password would be left, or the roles are the identity provider's to give.
    """
    who.require(Permission.MANAGE_USERS)
    checked = None if roles is None else check_roles(roles)
    with store.write() as session:
        before = _found(session, who, name)
        if before.identity and checked not in {None, before.roles}:
            raise Conflict("roles", "Their groups at the identity provider decide about their roles.")
        after = replace(
            before,
            roles=before.roles if checked is None else checked,
            disabled=before.disabled if disabled is None else disabled,
        )
        accounts.update_user(session, after)
        _refuse_no_admin(session, who)
        if after.disabled:
            tokens.remove_tokens(session, after, (Kind.ACCESS, Kind.REFRESH))
        detail = f"roles {' '.join(sorted(after.roles))}{', disabled' if after.disabled else ''}"
        _written(session, who, "change user", after, detail, now)
    return after


def set_password(store: Store, passwords: Passwords, who: Principal, name: str, password: str, now: datetime) -> None:
    """
    Give a user another password, and end their sessions, tokens and applications, which somebody else may have.

    Raises NotPermitted, InvalidField, NotFound; Conflict when they sign in by an identity provider.
    """
    who.require(Permission.MANAGE_USERS)
    password_hash = passwords.hash(check_password(password, name))
    with store.write() as session:
        user = _found(session, who, name)
        if user.identity:
            raise Conflict("password", "They sign in by the identity provider, and have no password here.")
        accounts.set_password_hash(session, user, password_hash)
        tokens.remove_tokens(session, user, tuple(Kind))
        tokens.remove_applications(session, user)
        _written(session, who, "set password", user, "", now)


def delete_user(store: Store, who: Principal, name: str, now: datetime) -> None:
    """Delete a user. Raises NotPermitted, NotFound; Conflict when no admin with a password would be left."""
    who.require(Permission.MANAGE_USERS)
    with store.write() as session:
        user = _found(session, who, name)
        accounts.remove_user(session, user)
        _refuse_no_admin(session, who)
        _written(session, who, "delete user", user, "", now)


def list_organizations(store: Store, who: Principal) -> list[str]:
    """List all organizations. Raises NotPermitted."""
    _require_default(who)
    with store.read() as session:
        return accounts.organizations(session)


def create_organization(
    store: Store, passwords: Passwords, who: Principal, organization: str, admin: str, password: str, now: datetime
) -> User:
    """
    Make an organization with its first admin, and give that user.

    Raises:
        NotPermitted: The user is no admin of the default organization.
        InvalidField: The name of the organization or the admin, or the password, cannot be used.
        Conflict: There is that organization.
    """
    _require_default(who)
    check_visible(organization, "organization", "The name")
    if not _ORGANIZATION.fullmatch(organization):
        raise InvalidField("organization", "Write it with 1 to 32 small letters, digits and hyphens, a letter first.")
    try:
        name = sign_in_name(organization, admin)
    except InvalidField as error:
        raise InvalidField("admin", str(error)) from error
    password_hash = passwords.hash(check_password(password, name))
    with store.write() as session:
        present = accounts.organizations(session)
        if organization in present:
            raise Conflict("organization", f"There is an organization called {organization} already.")
        if len(present) >= MAX_ORGANIZATIONS:
            raise Conflict("organization", f"There are {MAX_ORGANIZATIONS} organizations, and no more can be made.")
        accounts.insert_organization(session, organization, now)
        user = User(str(uuid.uuid4()), organization, name, password_hash, frozenset({Role.ADMIN}))
        accounts.insert_user(session, user, now)
        _written(session, who, "create organization", user, f"organization {organization}", now)
        event = AuditEvent(organization, now, "holdfast", "create user", name, f"roles {Role.ADMIN}", who.address)
        journal.record(session, event)
    return user


def check_roles(roles: Collection[str]) -> frozenset[str]:
    """Give roles if there are any and all are known. Raises InvalidField."""
    wanted = frozenset(roles)
    if not wanted or wanted - set(Role):
        raise InvalidField("roles", f"Choose one or more of {', '.join(Role)}.")
    return wanted


def _require_default(who: Principal) -> None:
    who.require(Permission.MANAGE_ORGANIZATIONS)
    if who.organization != DEFAULT_ORGANIZATION:
        raise NotPermitted(Permission.MANAGE_ORGANIZATIONS)


def _found(session: Session, who: Principal, name: str) -> User:
    user = accounts.user_in(session, who.organization, name)
    if user is None:
        raise NotFound("user", name)
    return user


def _refuse_no_admin(session: Session, who: Principal) -> None:
    """
    Raise Conflict where the change that was just made leaves no admin who can sign in with a password.

    One by an identity provider does not count: groups change without asking us, and providers cannot always be reached.
    """
    if not accounts.has_password_user(session, who.organization, Role.ADMIN):
        raise Conflict("roles", "No admin would be left who signs in with a password. Make somebody else one first.")


def _written(session: Session, who: Principal, action: str, user: User, detail: str, now: datetime) -> None:
    journal.record(session, who.event(now, action, user.name, detail))
