"""
People sign in by an identity provider; their groups there decide about their roles here.
"""

import hashlib
import hmac
import re
import secrets
import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from holdfast.openid.errors import IdentityRefused, ProviderUnusable
from holdfast.openid.identity import Identity
from holdfast.openid.provider import Provider, SignIn
from holdfast.services.access.accounts import ADMIN
from holdfast.services.access.attempts import Attempts, client_key
from holdfast.services.access.audit import SYSTEM, write_down
from holdfast.services.access.permissions import Role
from holdfast.services.access.principal import Principal
from holdfast.services.access.users import MAX_USERS, sign_in_name
from holdfast.services.errors import ProviderSignInRefused
from holdfast.store.access import accounts, tokens
from holdfast.store.access.accounts import ConfirmedIdentity, User
from holdfast.store.access.tokens import Kind
from holdfast.store.audit import Action, UserRoles
from holdfast.store.database import Store

log = structlog.get_logger()
SIGN_IN_COOKIE = "holdfast_sign_in"
EVERYBODY = "*"  # in the place of a group: all whom the provider lets in
MAX_NAME = 60  # characters, so that a number fits behind it
SAME_NAMES = 1_000
_ERROR_CODE = re.compile(r"[a-z_]{1,60}")  # RFC 6749, section 4.1.2.1
_NOT_OF_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """The provider, what its button says, and who its people are here: users of *organization*, with roles by group."""

    provider: Provider
    label: str
    organization: str
    roles: Sequence[tuple[str, Role]]


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """What somebody comes back with from the provider, to *redirect_uri*; *issuer* is empty when it does not say so."""

    redirect_uri: str
    state: str = ""
    code: str = ""
    error: str = ""
    issuer: str = ""


def new_secret() -> str:
    """Make what only the browser of one sign-in knows, from its beginning to its end."""
    return secrets.token_urlsafe(32)


def begin(sso: SingleSignOn, secret: str, redirect_uri: str, now: datetime) -> str:
    """
    Say where somebody goes to sign in; they come back to *redirect_uri*.

    Raises:
        ProviderSignInRefused: The provider cannot be asked.
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
    Find, or make, the user who comes back from the provider; *address* is where they come from.

    Raises:
        ProviderSignInRefused: It is not this browser's sign-in, the provider does not vouch for them, or they have no
            role here.
        TooManyAttempts: From there, others were refused before.
    """
    keys = (f"client {client_key(address)}",)
    attempts.refuse_early(keys, now)
    sign_in = _sign_in(secret, response.redirect_uri)
    if not secret or not hmac.compare_digest(sign_in.state.encode(), response.state.encode()):
        raise ProviderSignInRefused("This sign-in was begun in another browser, or too long ago. Begin again.")
    if response.error or not response.code:
        code = response.error if _ERROR_CODE.fullmatch(response.error) else "no code"
        raise ProviderSignInRefused(f"The identity provider did not sign you in ({code}). Begin again, or ask there.")
    try:
        if response.issuer not in {"", sso.provider.issuer}:
            raise IdentityRefused("the answer comes from another issuer (RFC 9207)")
        identity = sso.provider.identify(sign_in, response.code, now)
    except IdentityRefused as error:
        attempts.count_failure(keys, now)
        log.warning("identity refused", issuer=sso.provider.issuer, reason=str(error))
        raise ProviderSignInRefused(
            "What the identity provider said is no proof of who you are. Begin again."
        ) from error
    except ProviderUnusable as error:
        raise _to_refusal(sso, error) from error
    return admit(store, sso, identity, now, address)


def admit(store: Store, sso: SingleSignOn, identity: Identity, now: datetime, address: str = "") -> User:
    """
    Make *identity*, who comes from *address*, a user, or bring the user up to date that it is.

    They are found by issuer and subject and by nothing else: whoever can choose their name or address at the provider
    must not become somebody else here. Raises ProviderSignInRefused.
    """
    roles = roles_of(sso, identity.groups or frozenset())
    with store.write() as session:
        known = accounts.user_identified(session, identity.issuer, identity.subject)
        confirmed = ConfirmedIdentity(identity.issuer, identity.subject, now)
        if known is None:
            user = _create(session, sso, identity, roles, confirmed, now, address) if roles else None
        elif known.organization != sso.organization:
            raise ProviderSignInRefused(
                f"You are a user of {known.organization} here. Ask an admin there to delete you."
            )
        else:
            user = _update(session, replace(known, roles=roles, identity=confirmed), known, now, address)
    if user is None or not user.roles:
        groups = "no groups" if identity.groups is None else f"{len(identity.groups)} groups"
        log.warning("no role by single sign-on", issuer=identity.issuer, subject=identity.subject, groups=groups)
        raise ProviderSignInRefused("None of your groups gives you a role in Holdfast. Ask who manages it.")
    if user.disabled:
        raise ProviderSignInRefused("Your account here is disabled. Ask an admin of your organization.")
    return user


def roles_of(sso: SingleSignOn, groups: frozenset[str]) -> frozenset[str]:
    """Say which roles members of *groups* have."""
    return frozenset(role.value for group, role in sso.roles if group == EVERYBODY or group in groups)


def _create(
    session: Session,
    sso: SingleSignOn,
    identity: Identity,
    roles: frozenset[str],
    confirmed: ConfirmedIdentity,
    now: datetime,
    address: str,
) -> User:
    if sso.organization not in accounts.organizations(session):
        log.error("single sign-on leads to an organization that there is not", organization=sso.organization)
        raise ProviderSignInRefused(f"There is no organization {sso.organization} yet. Ask who manages Holdfast.")
    if accounts.count_users(session, sso.organization) >= MAX_USERS:
        raise ProviderSignInRefused("There are too many users already. Ask who manages Holdfast.")
    name = _free_name(session, sso.organization, identity.name or identity.subject)
    user = User(str(uuid.uuid4()), sso.organization, name, "", roles, identity=confirmed)
    accounts.insert_user(session, user, now)
    _record(session, Action.CREATE_USER, user, now, address)
    return user


def _update(session: Session, user: User, before: User, now: datetime, address: str) -> User:
    accounts.update_user(session, user)
    if user.roles != before.roles:
        _record(session, Action.CHANGE_USER, user, now, address)
    if not user.roles:
        # Personal tokens stay, and permit nothing.
        accounts.end_sessions(session, user)
        tokens.remove_tokens(session, user, (Kind.ACCESS, Kind.REFRESH))
    return user


def _record(session: Session, action: Action, user: User, now: datetime, address: str) -> None:
    system = Principal(user.organization, SYSTEM, address=address or None)
    write_down(session, system, now, action, user.name, UserRoles(tuple(sorted(user.roles)), by_provider=True))


def _free_name(session: Session, organization: str, wanted: str) -> str:
    """Make a user name of what somebody is called, and of a number where others are called so."""
    plain = unicodedata.normalize("NFKD", wanted.partition("@")[0]).encode("ascii", "ignore").decode()
    short = _NOT_OF_NAMES.sub("-", plain)[:MAX_NAME].strip("._-") or "user"
    for number in range(1, SAME_NAMES):
        name = sign_in_name(organization, short if number == 1 else f"{short}-{number}")
        # The first admin is whom who runs the machine gives a password; nobody else may be called so.
        if name.casefold() != ADMIN and accounts.user_named(session, name) is None:
            return name
    raise ProviderSignInRefused(f"Too many users are called {short} here. Ask who manages Holdfast.")


def _sign_in(secret: str, redirect_uri: str) -> SignIn:
    """Derive what the provider is told from what only the browser knows, so that nothing need be remembered here."""

    def derive(purpose: str) -> str:
        return hashlib.sha256(f"{purpose} {secret}".encode()).hexdigest()

    return SignIn(redirect_uri, derive("state"), derive("nonce"), derive("verifier"))


def _to_refusal(sso: SingleSignOn, error: ProviderUnusable) -> ProviderSignInRefused:
    log.error("identity provider unusable", issuer=sso.provider.issuer, reason=str(error))
    return ProviderSignInRefused(
        "The identity provider cannot be used at this moment. Try again; the log of Holdfast says why."
    )
