"""
The actions of audit events, and their details as values. `services/access/audit.py` writes the text.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """An action in an audit event. The texts are stored, so they must not change."""

    IMPORT_CERTIFICATE = "import certificate"
    REPLACE_CERTIFICATE = "replace certificate"
    REPLACE_WITH_OVERLAP = "replace certificate with overlap"
    UNDO_REPLACEMENT = "undo replacement"
    RETIRE_PREVIOUS = "retire previous certificates"
    DELETE_CERTIFICATE = "delete certificate"
    RESTORE_CERTIFICATE = "restore certificate"
    CHANGE_TRUST_SETTINGS = "change trust settings"
    DELETE_TRUST_SETTINGS = "delete trust settings"
    GRANT_EXCEPTION = "grant trust exception"
    END_EXCEPTION = "end trust exception"
    IMPORT_IDENTITY = "import client certificate"
    REQUEST_IDENTITY = "request client certificate"
    IMPORT_ANSWER = "import answer to request"
    DISCARD_REQUEST = "discard request"
    REMOVE_IDENTITY = "remove client certificate"
    ROTATE_SEALING_KEY = "rotate sealing key"
    ACCEPT_CALLER = "accept client certificate"
    REPLACE_CALLER = "replace client certificate"
    DELETE_CALLER = "delete client certificate"
    CREATE_API = "create API"
    COPY_API = "copy API"
    IMPORT_API = "import API"
    IMPORT_DEFINITION = "import definition"
    CHANGE_API = "change API"
    DELETE_API = "delete API"
    CHANGE_LIFECYCLE = "change lifecycle"
    SWITCH_TO_HTTP1 = "switch to HTTP/1.1"
    CREATE_GATEWAY_CA = "create gateway CA"
    ENROLL_GATEWAY = "enroll gateway"
    JOIN_GATEWAY = "join gateway"
    RENEW_GATEWAY = "renew gateway certificate"
    REVOKE_GATEWAY = "revoke gateway"
    CREATE_GROUP = "create gateway group"
    CHANGE_GROUP = "change gateway group"
    DELETE_GROUP = "delete gateway group"
    CREATE_ORGANIZATION = "create organization"
    CREATE_USER = "create user"
    CHANGE_USER = "change user"
    DELETE_USER = "delete user"
    MAKE_ADMIN = "make admin"
    SET_PASSWORD = "set password"  # noqa: S105 - an action
    CHANGE_PASSWORD = "change password"  # noqa: S105
    SIGN_IN = "sign in"
    SIGN_OUT = "sign out"
    FAIL_TO_SIGN_IN = "fail to sign in"
    REVOKE_SESSION = "revoke session"
    CREATE_TOKEN = "create token"  # noqa: S105
    REVOKE_TOKEN = "revoke token"  # noqa: S105
    REGISTER_APPLICATION = "register application"


@dataclass(frozen=True, slots=True)
class NoDetails:
    """No details: action and subject are enough."""


@dataclass(frozen=True, slots=True)
class CertificatesOf:
    """Certificates of an endpoint or a gateway identity, as SHA-256 fingerprints; *removed* are no longer in use."""

    endpoint: str
    certificates: tuple[str, ...] = ()
    previous: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unused:
    """The trust of an origin was deleted because no API uses it."""

    unused: bool = True


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """A signing request for a gateway identity."""

    endpoint: str
    subject: str
    key: str


@dataclass(frozen=True, slots=True)
class DiscardedRequest:
    """A signing request that was discarded."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class CallerCertificateOf:
    """A caller certificate, and the one that it replaced; empty: none."""

    alias: str
    certificate: str
    removed: str = ""


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """A setting with its values before and after."""

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangedSettings:
    """The settings that changed, of trust or of a group of gateways."""

    settings: tuple[ChangedSetting, ...]


@dataclass(frozen=True, slots=True)
class ExceptionGrant:
    """Verification is off until *until* (aware)."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ExceptionEnd:
    """Verification is on again: the exception *expired*, or a user ended it."""

    expired: bool


@dataclass(frozen=True, slots=True)
class EndpointUse:
    """An endpoint of an API, with the connection settings that differ from the defaults."""

    url: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiEndpoints:
    """The endpoints of an API."""

    endpoints: tuple[EndpointUse, ...]


@dataclass(frozen=True, slots=True)
class ApiChange:
    """The endpoints of an API before and after; *requires_certificate* and *groups* are None if they didn't change."""

    before: tuple[EndpointUse, ...]
    after: tuple[EndpointUse, ...]
    requires_certificate: bool | None = None
    groups: tuple[str, ...] | None = None  # of gateways


@dataclass(frozen=True, slots=True)
class StateChange:
    """The states of the lifecycle that an API left and entered."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class UserRoles:
    """The roles of a user; *by_provider*: set from the user's groups at the identity provider."""

    roles: tuple[str, ...]
    disabled: bool = False
    by_provider: bool = False


@dataclass(frozen=True, slots=True)
class NewOrganization:
    """An organization with its first admin."""

    organization: str


@dataclass(frozen=True, slots=True)
class FailedSignIn:
    """Failed sign-ins: the *way* (such as `HTTP Basic`), why, how often, and whether from *several* addresses."""

    way: str
    reason: str
    count: int
    several: bool


@dataclass(frozen=True, slots=True)
class NewToken:
    """The scopes of a personal token, and its expiry (aware)."""

    scopes: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class TokenEnd:
    """A personal token was revoked; the flag is true if the request was authenticated with this token."""

    by_itself: bool = False


@dataclass(frozen=True, slots=True)
class NewApplication:
    """An application, and the grants that it may use."""

    name: str
    grants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CertificateFingerprint:
    """A certificate as its SHA-256 fingerprint; empty: there was none."""

    certificate: str


@dataclass(frozen=True, slots=True)
class NewJoinToken:
    """A join token for a gateway of *group*, and its expiry (aware)."""

    group: str
    until: datetime


@dataclass(frozen=True, slots=True)
class GatewayCertificateOf:
    """A certificate that a gateway got, its expiry (aware), and the one that it had before; empty: none."""

    certificate: str
    until: datetime
    before: str


Details = (
    NoDetails
    | CertificatesOf
    | Unused
    | CertificateRequest
    | DiscardedRequest
    | CallerCertificateOf
    | ChangedSettings
    | ExceptionGrant
    | ExceptionEnd
    | ApiEndpoints
    | ApiChange
    | StateChange
    | UserRoles
    | NewOrganization
    | FailedSignIn
    | NewToken
    | TokenEnd
    | NewApplication
    | CertificateFingerprint
    | NewJoinToken
    | GatewayCertificateOf
)


def to_json(details: Details) -> dict[str, Any]:
    """Return the JSON members of *details*; times are in ISO 8601, in UTC."""
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(details).items()
    }
