"""
The details of audit events as values. `services/access/audit.py` writes the text.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from holdfast.store.audit_actions import Action as Action
from holdfast.store.audit_of_users import FailedSignIn, NewApplication, NewOrganization, NewToken, TokenEnd, UserRoles


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
class UnusedTrustRemoval:
    """The trust of an origin was deleted because no API uses it: its settings, or the chain of its gateway identity."""

    unused: bool = True
    settings: "tuple[ChangedSetting, ...]" = ()
    removed: tuple[str, ...] = ()  # SHA-256 fingerprints


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
    """A caller certificate, and the one that it replaced (empty: none); *tier_before* is empty if it didn't change."""

    alias: str
    certificate: str
    removed: str = ""
    tier: str = ""
    tier_before: str = ""
    environment: str = ""  # empty: both


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
    """Verification is off until *until* (aware); it was already until *before*, unless that is None."""

    until: datetime
    reason: str
    before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ExceptionEnd:
    """Verification is on again: the exception *expired*, or a user ended it; it would have lasted until *until*."""

    expired: bool
    until: datetime | None = None
    reason: str = ""  # why it was granted


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
    """
    The endpoints of an API before and after; *requires_certificate* and *groups* are None if they didn't change.

    Of other members, only the names of those that changed: clients can store secrets in them.
    """

    before: tuple[EndpointUse, ...]
    after: tuple[EndpointUse, ...]
    requires_certificate: bool | None = None
    groups: tuple[str, ...] | None = None  # of gateways
    groups_before: tuple[str, ...] | None = None
    description: tuple[str, str] | None = None  # before and after; None: unchanged
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StateChange:
    """The states of the lifecycle that an API left and entered."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RevisionOf:
    """A revision of an API; *groups* of gateways begin or stop to serve it, *instead_of* other revisions."""

    revision: int
    groups: tuple[str, ...] = ()
    instead_of: tuple[int, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class FailingEnvironment:
    """The environment of an API whose backend fails."""

    environment: str


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


@dataclass(frozen=True, slots=True)
class ChannelOf:
    """A notification channel, without its secrets; *changed* are the names of what was changed, and *error* is why a
    test failed."""

    kind: str
    target: str
    changed: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class SilenceOf:
    """A silence of a *kind* of event (empty: any) about an object (empty: any), and its end (aware)."""

    kind: str
    about: str
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class BackupOf:
    """A backup that was written or restored, and whether it includes the sealing key."""

    with_sealing_key: bool


@dataclass(frozen=True, slots=True)
class OwnersOf:
    """The owners of an object before and after."""

    before: tuple[str, ...]
    after: tuple[str, ...]


Details = (
    NoDetails
    | CertificatesOf
    | UnusedTrustRemoval
    | CertificateRequest
    | DiscardedRequest
    | CallerCertificateOf
    | ChangedSettings
    | ExceptionGrant
    | ExceptionEnd
    | ApiEndpoints
    | ApiChange
    | StateChange
    | RevisionOf
    | FailingEnvironment
    | UserRoles
    | NewOrganization
    | FailedSignIn
    | NewToken
    | TokenEnd
    | NewApplication
    | CertificateFingerprint
    | NewJoinToken
    | GatewayCertificateOf
    | ChannelOf
    | SilenceOf
    | BackupOf
    | OwnersOf
)


def to_json(details: Details) -> dict[str, Any]:
    """Return the JSON members of *details*; times are in ISO 8601, in UTC."""
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(details).items()
    }
