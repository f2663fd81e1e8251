"""
Endpoint security: how gateways sign in to the backend of an endpoint.

The secret is sealed, and bound to the origins that it was entered for: anyone who changes an endpoint's URL
later can't make gateways send it elsewhere.
"""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from holdfast.apis.catalog.token_settings import Grant, TokenSettings, check_token_settings
from holdfast.apis.errors import InvalidField
from holdfast.apis.text import check_visible

MAX_TEXT, MAX_SECRET, MAX_VERSION = 256, 4096, 64
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")  # a token (RFC 9110, section 5.6.2)
MAX_HYPHENS = 4  # in the name of a header: each spelling with underscores is removed from callers' requests
# Headers that decide where a request goes, how it is framed, or who the caller is.
_RESERVED = frozenset(
    {"host", "connection", "content-length", "content-type", "transfer-encoding", "te", "trailer", "upgrade", "expect"}
    | {"keep-alive", "proxy-connection", "cookie", "forwarded", "via", "x-request-id", "traceparent", "tracestate"}
)


class SecurityKind(StrEnum):
    """Ways to sign in; the values are the types in REST, which ignores case."""

    BASIC = "BASIC"  # RFC 7617
    API_KEY = "apikey"  # in a header
    OAUTH = "OAUTH"  # an access token that the gateway gets with a client's secret, or a user's password as well


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A secret as it is stored; a new one has a new *id*, for which it is sealed."""

    id: str
    sealed: bytes = field(repr=False)
    digest: str = field(repr=False)  # keyed; tells whether an entered secret is the stored one
    origins: frozenset[str] = frozenset()  # that it may be sent to


@dataclass(frozen=True, slots=True)
class EndpointSecurity:
    """The way in which gateways sign in to an endpoint's backend; without a *secret*, they can't."""

    kind: SecurityKind
    username: str = ""
    header: str = "Authorization"  # that contains the credential
    allow_unencrypted: bool = False  # also over http
    token: TokenSettings | None = None  # of OAUTH only
    secret_version: str = ""  # set by tools that can't read the secret, to know whether to send it again
    secret: SealedSecret | None = None
    password: SealedSecret | None = None  # of the user, with the password grant; *secret* is the client's

    @property
    def has_password(self) -> bool:
        """Whether gateways need the password of a user and the secret of a client."""
        return self.token is not None and self.token.grant is Grant.PASSWORD

    @property
    def secrets(self) -> tuple[SealedSecret | None, ...]:
        """The secrets that gateways need; None: it is missing."""
        return (self.secret, self.password) if self.has_password else (self.secret,)

    @property
    def version(self) -> str:
        """A name that differs for each secret and user name, and reveals neither: the secret's id is random."""
        secret = self.secret.id if self.secret else ""
        return hashlib.sha256(json.dumps([secret, self.kind.value, self.username]).encode()).hexdigest()

    def is_for(self, origins: Collection[str]) -> bool:
        """Return whether each of its secrets was entered for all of *origins*."""
        return all(secret is not None and secret.origins.issuperset(origins) for secret in self.secrets)


UNKNOWN_SECURITY = EndpointSecurity(SecurityKind.BASIC)  # of what is stored and can't be read


@dataclass(frozen=True, slots=True)
class SecurityDraft:
    """Endpoint security as entered; an empty *secret* or *password* keeps the stored one."""

    security: EndpointSecurity
    secret: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Credential:
    """
    A header that gateways add to requests, or the secrets with which they get it (OAUTH).

    *value* is the header or the client's secret, *password* the user's with the password grant. *value* None: one of
    them can't be opened, so no request is sent.
    """

    security: EndpointSecurity
    value: str | None = field(repr=False)
    password: str = field(default="", repr=False)

    def can_be_sent_to(self, origins: Collection[str], *, verified: bool) -> bool:
        """Return whether it may be sent to all of *origins*; *verified*: their certificates are verified."""
        security = self.security
        may_be_sent = security.allow_unencrypted or (verified and are_https(origins))
        return self.value is not None and security.is_for(origins) and may_be_sent


def are_https(origins: Collection[str]) -> bool:
    """Return whether connections to all of *origins* use TLS."""
    return all(origin.startswith("https:") for origin in origins)


def check_security(security: EndpointSecurity, field: str) -> EndpointSecurity:
    """Return *security* as stored. Raises InvalidField; *field* is prefixed to the name of the wrong member."""
    version = check_visible(security.secret_version, f"{field}secretVersion", "The version of the secret")
    if len(version) > MAX_VERSION:
        raise InvalidField(f"{field}secretVersion", f"Use at most {MAX_VERSION} characters.")
    if security.kind is SecurityKind.BASIC:
        if ":" in _check_username(security.username, field):
            raise InvalidField(f"{field}username", "Enter a user name without a colon.")
        return replace(security, header="Authorization")
    if security.kind is SecurityKind.OAUTH:
        token = check_token_settings(security.token or TokenSettings("", ""), field)
        name = _check_username(security.username, field) if token.grant is Grant.PASSWORD else ""
        return replace(security, username=name, header="Authorization", token=token)
    if not _HEADER.fullmatch(security.header) or security.header.count("-") > MAX_HYPHENS:
        message = "Enter the name of a header, such as X-API-Key."
        raise InvalidField(f"{field}apiKeyIdentifier", message)
    lower = security.header.lower()
    if lower in _RESERVED or lower.startswith(("x-envoy-", "x-holdfast-", "x-forwarded-", "proxy-", "sec-")):
        message = f"{security.header} can't contain an API key. Use a header such as X-API-Key."
        raise InvalidField(f"{field}apiKeyIdentifier", message)
    return replace(security, username="")


def _check_username(username: str, field: str) -> str:
    name = check_visible(username, f"{field}username", "The user name")
    if not name or len(name) > MAX_TEXT:
        raise InvalidField(f"{field}username", f"Enter a user name of 1 to {MAX_TEXT} characters.")
    return name


def check_secret(secret: str, field: str) -> str:
    """Return a secret that can be a header's value (RFC 9110, section 5.5). Raises InvalidField, without the secret."""
    if len(secret) > MAX_SECRET or not secret.isprintable() or secret != secret.strip():
        message = f"It must have at most {MAX_SECRET} characters, without line breaks or spaces at the ends."
        raise InvalidField(field, message)
    return secret


def write_value(security: EndpointSecurity, secret: str) -> str:
    """Return the value of a credential (Basic: RFC 7617, section 2, in UTF-8)."""
    if security.kind is not SecurityKind.BASIC:
        return secret
    return "Basic " + b64encode(f"{security.username}:{secret}".encode()).decode()


def read_kind(value: object, field: str) -> SecurityKind | None:
    """
    Read a type of endpoint security; None: requests have no credential.

    Raises InvalidField for a type that gateways don't support, with the reason.
    """
    name = str(value or "NONE").upper().replace("_", "").replace("-", "")
    if name == "NONE":
        return None
    if reason := _UNSUPPORTED.get(name):
        raise InvalidField(f"{field}type", reason)
    try:
        return next(kind for kind in SecurityKind if kind.upper() == name)
    except StopIteration:
        kinds = ", ".join(SecurityKind)
        raise InvalidField(f"{field}type", f"Use one of {kinds}, or NONE.") from None


_UNSUPPORTED: Mapping[str, str] = {
    "DIGEST": (
        "Digest isn't supported: the gateway would have to send each request twice, and only MD5 is common. "
        "Use Basic, which TLS protects."
    ),
}
