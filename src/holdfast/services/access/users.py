"""
Use cases for admins: the users of their organization; for admins of the default organization, all organizations.
"""

import re
import uuid
from collections.abc import Collection
from dataclasses import replace

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.apis.text import check_visible
from holdfast.apis.wso2_wording import ALREADY_EXISTS
from holdfast.services.access.audit import NOTHING, SYSTEM, write_down
from holdfast.services.access.context import Context
from holdfast.services.access.passwords import Passwords, check_password
from holdfast.services.access.permissions import Permission, Role
from holdfast.services.access.principal import Principal
from holdfast.services.errors import AlreadyExists, Conflict, NotFound, NotPermitted
from holdfast.services.versions import Expected, check_expected, make_user_tag
from holdfast.store.access import accounts, tokens
from holdfast.store.access.accounts import User
from holdfast.store.access.tokens import Kind
from holdfast.store.audit import Action, Details
from holdfast.store.audit_of_users import NewOrganization, UserRoles

LAST_ADMIN = "No admin with a password would be left. Make another user with a password an admin first."
MAX_USERS = 10_000  # per organization
MAX_ORGANIZATIONS = 10_000
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_ORGANIZATION = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")


def get_own_user(session: Session, context: Context) -> User:
    """Return the account of the user in *context*. Raises NotFound."""
    return _get_or_raise(session, context, context.user.name)


def make_sign_in_name(organization: str, name: str) -> str:
    """
    Return the name that a user signs in with: *name*, with @ORGANIZATION appended outside the default organization.

    This way, names of one organization neither clash with those of another nor reveal them. Raises InvalidField.
    """
    short = check_visible(name, "name", "The name").removesuffix(f"@{organization}")
    if not _NAME.fullmatch(short):
        raise InvalidField(
            "name",
            "Use 1-64 letters, digits, dots, hyphens or underscores, starting and ending with a letter or digit.",
        )
    return short if organization == DEFAULT_ORGANIZATION else f"{short}@{organization}"


def list_users(
    context: Context, offset: int = 0, limit: int | None = None, *, name: str = ""
) -> tuple[list[User], int]:
    """Return a page of the users whose name contains *name*, by name, and how many there are. Raises NotPermitted."""
    context.user.require(Permission.MANAGE_USERS)
    with context.read() as session:
        return accounts.find_users(session, context.user.organization, offset, limit, name=name)


def get_user(context: Context, name: str) -> User:
    """Return a user by the name that they sign in with. Raises NotPermitted, NotFound."""
    context.user.require(Permission.MANAGE_USERS)
    with context.read() as session:
        return _get_or_raise(session, context, name)


def create_user(context: Context, passwords: Passwords, name: str, password: str, roles: Collection[str]) -> User:
    """
    Create a user with these roles.

    Raises:
        NotPermitted
        InvalidField, InvalidFields: A value, or several, aren't allowed.
        Conflict: The name is taken, or the organization has too many users.
    """
    context.user.require(Permission.MANAGE_USERS)
    invalid: list[InvalidField] = []
    checked_roles: frozenset[str] = frozenset()
    try:
        name = make_sign_in_name(context.user.organization, name)
    except InvalidField as error:
        invalid.append(error)
    try:
        checked_roles = check_roles(roles)
    except InvalidField as error:
        invalid.append(error)
    try:
        check_password(password, name)
    except InvalidField as error:
        invalid.append(error)
    if invalid:
        raise invalid[0] if len(invalid) == 1 else InvalidFields(invalid)
    password_hash = passwords.hash(password)
    with context.write() as session:
        if accounts.get_user(session, context.user.organization, name):
            raise AlreadyExists("name", f"A user named {name} {ALREADY_EXISTS}.")
        if accounts.count_users(session, context.user.organization) >= MAX_USERS:
            raise Conflict("name", f"There are {MAX_USERS} users, which is the limit. Delete some who have left.")
        user = User(str(uuid.uuid4()), context.user.organization, name, password_hash, checked_roles)
        accounts.insert_user(session, user, context.now)
        _record(session, context, Action.CREATE_USER, user, UserRoles(tuple(sorted(checked_roles))))
    return user


def change_user(
    context: Context, name: str, *, roles: Collection[str] | None, disabled: bool | None, expected: Expected = None
) -> User:
    """
    Change a user's roles, or disable or enable them; None leaves a value unchanged. Disabling ends all sessions.

    Raises:
        NotPermitted, InvalidField, NotFound
        Conflict: No admin with a password would be left, or the identity provider determines the roles.
        ContentChanged: The user isn't as *expected*.
    """
    context.user.require(Permission.MANAGE_USERS)
    new_roles = None if roles is None else check_roles(roles)
    with context.write() as session:
        before = _get_or_raise(session, context, name)
        check_expected(expected, make_user_tag(before))
        if before.identity and new_roles not in {None, before.roles}:
            raise Conflict(
                "roles",
                "The roles of this user come from their groups at the identity provider. Change the groups there.",
            )
        after = replace(
            before,
            roles=before.roles if new_roles is None else new_roles,
            disabled=before.disabled if disabled is None else disabled,
        )
        accounts.update_user(session, after)
        _refuse_no_admin(session, context)
        if after.disabled:
            tokens.remove_tokens(session, after, (Kind.ACCESS, Kind.REFRESH, Kind.CALENDAR))
        roles, earlier = tuple(sorted(after.roles)), tuple(sorted(before.roles))
        details = UserRoles(roles, after.disabled, before=earlier, disabled_before=before.disabled)
        _record(session, context, Action.CHANGE_USER, after, details)
    return after


def set_password(context: Context, passwords: Passwords, name: str, password: str) -> None:
    """
    Reset a user's password, and revoke their sessions, tokens and applications, which someone else may know.

    Raises NotPermitted, InvalidField, NotFound; Conflict if the user signs in through an identity provider.
    """
    context.user.require(Permission.MANAGE_USERS)
    password_hash = passwords.hash(check_password(password, name))
    with context.write() as session:
        user = _get_or_raise(session, context, name)
        if user.identity:
            raise Conflict("password", "This user signs in through the identity provider and has no password here.")
        accounts.set_password_hash(session, user, password_hash)
        tokens.remove_tokens(session, user, tuple(Kind))
        tokens.remove_applications(session, user)
        _record(session, context, Action.SET_PASSWORD, user)


def delete_user(context: Context, name: str) -> None:
    """Delete a user. Raises NotPermitted, NotFound; Conflict if no admin with a password would be left."""
    context.user.require(Permission.MANAGE_USERS)
    with context.write() as session:
        user = _get_or_raise(session, context, name)
        accounts.remove_user(session, user)
        _refuse_no_admin(session, context)
        details = UserRoles((), before=tuple(sorted(user.roles)), disabled_before=user.disabled)
        _record(session, context, Action.DELETE_USER, user, details)


def list_organizations(context: Context) -> list[str]:
    """List all organizations. Raises NotPermitted."""
    _require_default(context)
    with context.read() as session:
        return accounts.list_organizations(session)


def create_organization(context: Context, passwords: Passwords, organization: str, admin: str, password: str) -> User:
    """
    Create an organization with its first admin; return that user.

    Raises:
        NotPermitted: The user isn't an admin of the default organization.
        InvalidField: The name of the organization, the name of the admin or the password isn't allowed.
        Conflict: The organization exists, or there are too many.
    """
    _require_default(context)
    check_visible(organization, "organization", "The name")
    if not _ORGANIZATION.fullmatch(organization):
        raise InvalidField(
            "organization",
            "Use 1-32 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen.",
        )
    try:
        name = make_sign_in_name(organization, admin)
    except InvalidField as error:
        raise InvalidField("admin", str(error)) from error
    password_hash = passwords.hash(check_password(password, name))
    with context.write() as session:
        organizations = accounts.list_organizations(session)
        if organization in organizations:
            raise AlreadyExists("organization", f"An organization named {organization} {ALREADY_EXISTS}.")
        if len(organizations) >= MAX_ORGANIZATIONS:
            raise Conflict("organization", f"There are {MAX_ORGANIZATIONS} organizations, which is the limit.")
        accounts.insert_organization(session, organization, context.now)
        user = User(str(uuid.uuid4()), organization, name, password_hash, frozenset({Role.ADMIN}))
        accounts.insert_user(session, user, context.now)
        _record(session, context, Action.CREATE_ORGANIZATION, user, NewOrganization(organization))
        system = Principal(organization, SYSTEM, address=context.user.address)
        write_down(session, system, context.now, Action.CREATE_USER, name, UserRoles((Role.ADMIN,)))
    return user


def check_roles(roles: Collection[str]) -> frozenset[str]:
    """Return *roles* if there is at least one and all are known. Raises InvalidField."""
    names = frozenset(roles)
    if not names or names - set(Role):
        raise InvalidField("roles", f"Choose one or more of {', '.join(Role)}.")
    return names


def _require_default(context: Context) -> None:
    context.user.require(Permission.MANAGE_ORGANIZATIONS)
    if context.user.organization != DEFAULT_ORGANIZATION:
        raise NotPermitted(Permission.MANAGE_ORGANIZATIONS)


def _get_or_raise(session: Session, context: Context, name: str) -> User:
    user = accounts.get_user(session, context.user.organization, name)
    if user is None:
        raise NotFound("user", name)
    return user


def _refuse_no_admin(session: Session, context: Context) -> None:
    """
    Raise Conflict if the change in this transaction leaves no admin who can sign in with a password.

    Admins of an identity provider don't count: their groups can change at any time, and the provider can be down.
    """
    if not accounts.has_password_user(session, context.user.organization, Role.ADMIN):
        raise Conflict("roles", LAST_ADMIN)


def _record(session: Session, context: Context, action: Action, user: User, details: Details = NOTHING) -> None:
    write_down(session, context.user, context.now, action, user.name, details)
