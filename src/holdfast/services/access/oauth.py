"""
OAuth 2.0 for scripts: applications register and get tokens (RFC 6749, 7009), bound to one organization.
"""

import hmac
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible
from holdfast.services.access.accounts import Accounts, hash_token, refuse_outdated
from holdfast.services.access.attempts import make_client_key
from holdfast.services.access.audit import write_down
from holdfast.services.access.context import Context
from holdfast.services.access.failed_sign_ins import Way
from holdfast.services.access.permissions import Permission, list_permissions
from holdfast.services.access.scopes import grant_scopes
from holdfast.services.access.tokens import MAX_NAME, find_token_owner, generate_secret
from holdfast.services.access.users import get_own_user
from holdfast.services.errors import SignInRefused, TokenRefused
from holdfast.store.access import tokens
from holdfast.store.access.accounts import User
from holdfast.store.access.tokens import Application, Kind, Token
from holdfast.store.audit import Action
from holdfast.store.audit_of_users import NewApplication
from holdfast.store.database import Store

ACCESS_LASTS = timedelta(hours=1)
REFRESH_LASTS = timedelta(hours=24)
MAX_APPLICATIONS = 100  # per user; beyond that, those that haven't got a token for longest are deleted
MAX_GRANTS = 1_000  # tokens of a kind per user; beyond that, the oldest are deleted
_NOBODY = hash_token(secrets.token_urlsafe())


class Grant(StrEnum):
    """A grant type: the way in which an application gets a token."""

    PASSWORD = "password"  # noqa: S105 - the name of the grant
    CLIENT_CREDENTIALS = "client_credentials"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105


class GrantRefused(Exception):
    """The token request is refused; *code* is the error code of RFC 6749, section 5.2."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """The secrets of new tokens; *refresh* is empty if there is no refresh token."""

    access: str
    refresh: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The parameters of a request to the token endpoint; empty: not sent."""

    grant: str
    name: str = ""
    password: str = ""
    refresh: str = ""
    scope: str = ""


def register_application(context: Context, name: str, grants: Collection[str]) -> tuple[Application, str]:
    """
    Create an application for the user; return it with its secret, of which only a hash is stored.

    Grants that Holdfast doesn't support are ignored. Raises NotPermitted, InvalidField.
    """
    context.user.require(Permission.MANAGE_OWN_ACCOUNT)
    check_visible(name, "clientName", "The name")
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidField("clientName", f"Use 1 to {MAX_NAME} characters.")
    supported_grants = tuple(grant.value for grant in Grant if grant in set(grants))
    if not supported_grants:
        raise InvalidField("grantType", f"Use one or more of {', '.join(Grant)}, separated by spaces.")
    secret = secrets.token_urlsafe(32)
    with context.write() as session:
        owner = get_own_user(session, context)
        application = Application(
            secrets.token_urlsafe(18), context.user.organization, owner, name, hash_token(secret), supported_grants
        )
        tokens.insert_application(session, application, context.now)
        tokens.keep_latest_applications(session, owner, MAX_APPLICATIONS)
        details = NewApplication(name, supported_grants)
        write_down(session, context.user, context.now, Action.REGISTER_APPLICATION, application.id, details)
    return application, secret


def authenticate_application(
    store: Store, accounts: Accounts, application_id: str, secret: str, address: str, now: datetime
) -> Application:
    """Return the application with this id and secret. Raises GrantRefused, TooManyAttempts."""
    with store.read() as session:
        application = tokens.get_application(session, application_id)
    keys = (f"application {application_id}", f"client {make_client_key(address)}")
    right = hmac.compare_digest(application.secret_hash if application else _NOBODY, hash_token(secret))
    owner = application.owner.name if application else ""
    with accounts.failures.watch(Way.APPLICATION, address, owner):
        accounts.attempts.judge(keys, now, right=right)
    if right and application:
        return application
    accounts.failures.add(Way.APPLICATION, address, owner, "unknown or wrong secret")
    raise GrantRefused("invalid_client", "The client ID or the client secret is wrong.")


def grant_token(
    store: Store, accounts: Accounts, application: Application, request: TokenRequest, address: str, now: datetime
) -> TokenGrant:
    """Return the tokens that *application* requests. Raises GrantRefused, TooManyAttempts."""
    if request.grant not in set(Grant):
        raise GrantRefused("unsupported_grant_type", f"Use one of {', '.join(Grant)}.")
    if request.grant not in application.grants:
        raise GrantRefused("unauthorized_client", f"The client isn't registered for the grant {request.grant}.")
    match Grant(request.grant):
        case Grant.REFRESH_TOKEN:
            try:
                return _refresh(store, application, request, now)
            except TokenRefused as error:
                accounts.failures.add(Way.REFRESH_TOKEN, address, find_token_owner(store, request.refresh))
                text = "The refresh token is unknown, used or expired. Request new tokens with another grant."
                raise GrantRefused("invalid_grant", text) from error
        case Grant.CLIENT_CREDENTIALS:
            return _issue(store, application, application.owner, request.scope.split(), now, refreshable=False)
        case Grant.PASSWORD:
            user = _find_user(accounts, application, request, address, now)
            refreshable = Grant.REFRESH_TOKEN in application.grants
            return _issue(store, application, user, request.scope.split(), now, refreshable=refreshable)


def revoke(store: Store, application: Application, secret: str, now: datetime) -> None:
    """Revoke a token of *application* and those issued with it; tokens of other applications are ignored (RFC 7009)."""
    with store.write() as session:
        bearer = tokens.get_token(session, hash_token(secret), now)
        if bearer and _belongs(bearer[0], application):
            tokens.remove_grant(session, bearer[0])


def _find_user(
    accounts: Accounts, application: Application, request: TokenRequest, address: str, now: datetime
) -> User:
    try:
        with accounts.failures.watch(Way.PASSWORD_GRANT, address, request.name):
            user = accounts.authenticate(request.name, request.password, address, now)
            if user.organization != application.organization:
                raise SignInRefused  # as for a wrong password: don't reveal users of other organizations
    except SignInRefused as error:
        raise GrantRefused("invalid_grant", str(error)) from error
    return user


def _refresh(store: Store, application: Application, request: TokenRequest, now: datetime) -> TokenGrant:
    with store.read() as session:
        bearer = tokens.get_token(session, hash_token(request.refresh), now)
    if bearer is None or bearer[0].kind is not Kind.REFRESH or not _belongs(bearer[0], application):
        raise TokenRefused
    token, user = bearer
    scopes = request.scope.split() or token.scopes
    if set(scopes) - set(token.scopes):
        raise GrantRefused("invalid_scope", "The refresh token doesn't cover all of these scopes.")
    return _issue(store, application, user, scopes, now, refreshable=True, refresh_token=token)


def _issue(
    store: Store,
    application: Application,
    user: User,
    requested_scopes: Collection[str],
    now: datetime,
    *,
    refreshable: bool,
    refresh_token: Token | None = None,
) -> TokenGrant:
    """Create the tokens of a grant; *refresh_token* is the refresh token in the request; it is revoked."""
    scopes = tuple(grant_scopes(requested_scopes, list_permissions(user.roles)))
    if not scopes:
        raise GrantRefused("invalid_scope", "None of these scopes allows this user anything.")
    grant_id = str(uuid.uuid4())
    access = Token(
        id=str(uuid.uuid4()),
        organization=user.organization,
        user_id=user.id,
        grant_id=grant_id,
        kind=Kind.ACCESS,
        name=application.name,
        scopes=scopes,
        created_at=now,
        expires_at=now + ACCESS_LASTS,
        application_id=application.id,
    )
    # The new refresh token keeps all scopes of the old one, even if fewer were requested (RFC 6749, section 6).
    refresh_scopes = refresh_token.scopes if refresh_token else scopes
    refresh = replace(
        access, id=str(uuid.uuid4()), kind=Kind.REFRESH, expires_at=now + REFRESH_LASTS, scopes=refresh_scopes
    )
    grant = {Kind.ACCESS: access} | ({Kind.REFRESH: refresh} if refreshable else {})
    new_secrets = {kind: generate_secret(kind) for kind in grant}
    with store.write() as session:
        _refuse_outdated(session, application, user)
        if refresh_token and not tokens.remove_grant(session, refresh_token):
            raise GrantRefused(
                "invalid_grant",
                "The refresh token was just used by another request. Request new tokens with another grant.",
            )
        for kind, token in grant.items():
            tokens.insert_token(session, token, hash_token(new_secrets[kind]), now)
            tokens.keep_newest_tokens(session, user, kind, MAX_GRANTS)
        tokens.mark_application_used(session, application, now)
    return TokenGrant(new_secrets[Kind.ACCESS], new_secrets.get(Kind.REFRESH, ""), scopes)


def _refuse_outdated(session: Session, application: Application, user: User) -> None:
    """Raise GrantRefused if the application or the user was deleted or disabled since they were authenticated."""
    if tokens.get_application(session, application.id) is None:
        raise GrantRefused("invalid_client", "The client was deleted.")
    try:
        refuse_outdated(session, user)
    except SignInRefused as error:
        raise GrantRefused("invalid_grant", str(error)) from error


def _belongs(token: Token, application: Application) -> bool:
    return (token.organization, token.application_id) == (application.organization, application.id)
