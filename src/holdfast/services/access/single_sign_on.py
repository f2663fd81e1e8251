"""
Sign-in through an identity provider; a user's groups there determine their roles here.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy.orm import Session

from holdfast.openid.errors import IdentityRefused, ProviderUnusable
from holdfast.services.access.accounts import ADMIN
from holdfast.services.access.attempts import Attempts, make_client_key
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.permissions import Role
from holdfast.services.access.principal import Principal
from holdfast.services.access.users import MAX_USERS, make_sign_in_name
from holdfast.services.errors import ProviderSignInRefused
from holdfast.store.access import accounts, tokens
from holdfast.store.access.accounts import ConfirmedIdentity, User
from holdfast.store.access.tokens import Kind
from holdfast.store.audit import Action
from holdfast.store.audit_of_users import UserRoles
from holdfast.store.database import Store

if TYPE_CHECKING:  # loaded only with single sign-on, because the libraries take long
    from holdfast.openid.identity import Identity
    from holdfast.openid.provider import Provider, SignIn

log = structlog.get_logger()
SIGN_IN_COOKIE = "holdfast_sign_in"
NO_ROLE = "None of your groups has a role in Holdfast. Ask an administrator."
DISABLED = "Your account is disabled. Ask an administrator."
EVERYBODY = "*"  # instead of a group: everyone who can sign in at the provider
MAX_NAME = 60  # characters, so that a number can be appended
SAME_NAMES = 1_000
_ERROR_CODE = re.compile(r"[a-z_]{1,60}")  # RFC 6749, section 4.1.2.1
_NOT_OF_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """The provider, the *label* of its button, and the *organization* and *roles* (by group) that its users get."""

    provider: "Provider"
    label: str
    organization: str
    roles: Sequence[tuple[str, Role]]


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """The parameters of the redirect from the provider to *redirect_uri*; *issuer* is empty if it isn't sent."""

    redirect_uri: str
    state: str = ""
    code: str = ""
    error: str = ""
    issuer: str = ""


def generate_secret() -> str:
    """Create the secret that ties a sign-in to the browser that began it."""
    return secrets.token_urlsafe(32)


def begin(sso: SingleSignOn, secret: str, redirect_uri: str, now: datetime) -> str:
    """
    Return the provider's URL for signing in; from there, the browser is redirected to *redirect_uri*.

    Raises:
        ProviderSignInRefused: The provider can't be used.
    """
    try:
        return sso.provider.get_authorization_url(_sign_in(secret, redirect_uri), now)
    except ProviderUnusable as error:
        raise _to_refusal(sso, error) from error


def finish(
    store: Store,
    attempts: Attempts,
    sso: SingleSignOn,
    secret: str,
    response: ProviderResponse,
    address: str,
    now: datetime,
) -> User:
    """
    Return the user who signed in at the provider, creating them on first sign-in; *address* is the client's.

    Raises:
        ProviderSignInRefused: The sign-in was begun in another browser, the provider doesn't confirm the identity, or
            the user has no role here.
        TooManyAttempts: Earlier sign-ins from this client failed.
    """
    keys = (f"client {make_client_key(address)}",)
    with store.read() as session:
        attempts.refuse_early(session, keys, now)
    sign_in = _sign_in(secret, response.redirect_uri)
    if not secret or not hmac.compare_digest(sign_in.state.encode(), response.state.encode()):
        raise ProviderSignInRefused("This sign-in was started in another browser, or too long ago. Sign in again.")
    if response.error or not response.code:
        code = response.error if _ERROR_CODE.fullmatch(response.error) else "no code"
        raise ProviderSignInRefused(
            f"The identity provider didn't sign you in ({code}). Try again, or ask its administrator."
        )
    try:
        if response.issuer not in {"", sso.provider.issuer}:
            raise IdentityRefused("the response names another issuer (RFC 9207)")
        identity = sso.provider.identify(sign_in, response.code, now)
    except IdentityRefused as error:
        attempts.count_failure(keys, now)
        log.warning("identity refused", issuer=sso.provider.issuer, reason=str(error))
        raise ProviderSignInRefused(
            "The identity provider's response doesn't prove who you are. Sign in again."
        ) from error
    except ProviderUnusable as error:
        raise _to_refusal(sso, error) from error
    return admit(store, sso, identity, now, address)


def admit(store: Store, sso: SingleSignOn, identity: "Identity", now: datetime, address: str = "") -> User:
    """
    Return the user of *identity*, updated or, on first sign-in, created; *address* is the client's.

    Users are identified only by issuer and subject: people who can choose their name or email address at the provider
    must not become another user here. Raises ProviderSignInRefused.
    """
    roles = map_roles(sso, identity.groups or frozenset())
    with store.write() as session:
        before = accounts.get_user_by_subject(session, identity.issuer, identity.subject)
        new_identity = ConfirmedIdentity(identity.issuer, identity.subject, now)
        if before is None:
            user = _create(session, sso, identity, roles, new_identity, now, address) if roles else None
        elif before.organization != sso.organization:
            raise ProviderSignInRefused(
                f"You're already a user of {before.organization}. Ask an admin there to delete your account."
            )
        else:
            user = _update(session, replace(before, roles=roles, identity=new_identity), before, now, address)
    if user is None or not user.roles:
        groups = "no groups" if identity.groups is None else f"{len(identity.groups)} groups"
        log.warning("no role by single sign-on", issuer=identity.issuer, subject=identity.subject, groups=groups)
        raise ProviderSignInRefused(NO_ROLE)
    if user.disabled:
        raise ProviderSignInRefused(DISABLED)
    return user


def map_roles(sso: SingleSignOn, groups: frozenset[str]) -> frozenset[str]:
    """Return the roles that members of *groups* have."""
    return frozenset(role.value for group, role in sso.roles if group == EVERYBODY or group in groups)


def _create(
    session: Session,
    sso: SingleSignOn,
    identity: "Identity",
    roles: frozenset[str],
    new_identity: ConfirmedIdentity,
    now: datetime,
    address: str,
) -> User:
    if sso.organization not in accounts.list_organizations(session):
        log.error("organization for single sign-on does not exist", organization=sso.organization)
        raise ProviderSignInRefused(f"The organization {sso.organization} doesn't exist yet. Ask an administrator.")
    if accounts.count_users(session, sso.organization) >= MAX_USERS:
        raise ProviderSignInRefused("The organization has reached its limit of users. Ask an administrator.")
    name = _choose_free_name(session, sso.organization, identity.name or identity.subject)
    user = User(str(uuid.uuid4()), sso.organization, name, "", roles, identity=new_identity)
    accounts.insert_user(session, user, now)
    _record(session, Action.CREATE_USER, user, frozenset(), now, address)
    return user


def _update(session: Session, user: User, before: User, now: datetime, address: str) -> User:
    accounts.update_user(session, user)
    if user.roles != before.roles:
        _record(session, Action.CHANGE_USER, user, before.roles, now, address)
    if not user.roles:
        # Personal tokens stay, but allow nothing without a role.
        accounts.end_sessions(session, user)
        tokens.remove_tokens(session, user, (Kind.ACCESS, Kind.REFRESH))
    return user


def _record(session: Session, action: Action, user: User, before: Collection[str], now: datetime, address: str) -> None:
    system = Principal(user.organization, SYSTEM, address=address or None)
    details = UserRoles(tuple(sorted(user.roles)), by_provider=True, before=tuple(sorted(before)))
    write_down(session, system, now, action, user.name, details)


def _choose_free_name(session: Session, organization: str, provider_name: str) -> str:
    """Return a user name made from the name at the provider; if it is taken, a number is appended."""
    plain = unicodedata.normalize("NFKD", provider_name.partition("@")[0]).encode("ascii", "ignore").decode()
    short = _NOT_OF_NAMES.sub("-", plain)[:MAX_NAME].strip("._-") or "user"
    for number in range(1, SAME_NAMES):
        name = make_sign_in_name(organization, short if number == 1 else f"{short}-{number}")
        # The operator of the machine resets the password of this name, so nobody else may have it.
        if name.casefold() != ADMIN and accounts.get_user_by_name(session, name) is None:
            return name
    raise ProviderSignInRefused(f"Too many users have the name {short}. Ask an administrator.")


def _sign_in(secret: str, redirect_uri: str) -> "SignIn":
    """Derive state, nonce and verifier from the browser's secret, so that Holdfast doesn't have to store them."""
    from holdfast.openid.provider import SignIn  # loaded already, with the provider

    def derive(purpose: str) -> str:
        return hashlib.sha256(f"{purpose} {secret}".encode()).hexdigest()

    return SignIn(redirect_uri, derive("state"), derive("nonce"), derive("verifier"))


def _to_refusal(sso: SingleSignOn, error: ProviderUnusable) -> ProviderSignInRefused:
    log.error("identity provider unusable", issuer=sso.provider.issuer, reason=str(error))
    return ProviderSignInRefused(
        "The identity provider can't be used right now. Try again; Holdfast's log has the reason."
    )
