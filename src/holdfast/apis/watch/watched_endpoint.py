"""
Certificates that the backend of an endpoint presents: since when, and until when they are trusted.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from holdfast.certificates.validity import EXPIRING_WITHIN

CHANGED_WITHIN = timedelta(days=7)  # a change is shown for so long


class WatchStatus(StrEnum):
    """The status of a watched endpoint; docs/reference/watch.md explains each."""

    NOT_CHECKED = "not_checked"
    UNREACHABLE = "unreachable"
    CHANGED = "changed"
    NOT_TRUSTED = "not_trusted"
    EXPIRING = "expiring"
    TRUSTED = "trusted"

    @property
    def words(self) -> str:
        """The status as pages show it."""
        return _WORDS[self]


_WORDS = {
    WatchStatus.NOT_CHECKED: "Not checked yet",
    WatchStatus.UNREACHABLE: "Not reachable",
    WatchStatus.CHANGED: "Changed",
    WatchStatus.NOT_TRUSTED: "Not trusted",
    WatchStatus.EXPIRING: "Expiring",
    WatchStatus.TRUSTED: "Trusted",
}


class ChangeKind(StrEnum):
    """A difference from the chain that was presented before."""

    KEY = "key"
    ISSUER = "issuer"
    NAMES = "names"
    CERTIFICATE = "certificate"  # renewed with the same key, issuer and names
    CHAIN = "chain"  # the certificates above it


@dataclass(frozen=True, slots=True)
class BackendCertificate:
    """The backend's own certificate, in short, and the SHA-256 of the *chain* that it belongs to."""

    chain: str
    name: str  # the common name, or a subjectAltName
    issuer: str
    expires_at: datetime  # aware, UTC
    since: datetime  # when this chain was first seen


@dataclass(frozen=True, slots=True)
class Coverage:
    """
    Whether the trust of an origin covers what its backend presents, and *until* when.

    *trust* is the hash of the trust that was compared, without exceptions. *cause* is a code of
    docs/reference/causes.md.
    """

    trust: str
    accepted: bool
    cause: str | None = None
    until: datetime | None = None  # None: not at all
    by_gateway: bool = False  # otherwise, a comparison predicts the gateway's verdict


@dataclass(frozen=True, slots=True)
class Changes:
    """When a backend last presented a new key, issuer or names, and anything new at all; None: never since watched."""

    at: datetime | None = None
    key: datetime | None = None
    issuer: datetime | None = None
    names: datetime | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """A backend from which nothing could be read: *since* when, why, how often, and when it is tried again."""

    since: datetime
    cause: str  # a code of docs/reference/causes.md
    attempts: int
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class WatchedEndpoint:
    """An https origin that an API uses, and what is known about its backend."""

    id: str
    organization: str
    origin: str
    certificate: BackendCertificate | None = None
    coverage: Coverage | None = None
    changes: Changes = field(default_factory=Changes)
    silence: Silence | None = None

    @property
    def news(self) -> list[tuple[str, datetime]]:
        """The differences from earlier certificates, and their times: ("key and issuer", time), the latest first."""
        since = self.certificate.since if self.certificate else None
        changes = {"key": self.changes.key, "issuer": self.changes.issuer, "names": self.changes.names}
        by_time: dict[datetime, list[str]] = {}
        for name, at in changes.items():
            if at and since and at <= since:  # later changes were to a certificate that is no longer presented
                by_time.setdefault(at, []).append(name)
        return [(_enumerate(names), at) for at, names in sorted(by_time.items(), reverse=True)]

    def assess_status(self, now: datetime) -> WatchStatus:
        """Return the status at *now*; what needs attention first comes first."""
        if self.silence:
            return WatchStatus.UNREACHABLE
        if self.certificate is None:
            return WatchStatus.NOT_CHECKED
        if self.changes.at and now - self.changes.at < CHANGED_WITHIN:
            return WatchStatus.CHANGED
        if not self.is_trusted(now):
            return WatchStatus.NOT_TRUSTED
        until = self.coverage.until if self.coverage else None
        return WatchStatus.EXPIRING if until and until - now <= EXPIRING_WITHIN else WatchStatus.TRUSTED

    def is_trusted(self, now: datetime) -> bool:
        """Return whether gateways accept what the backend presents."""
        coverage = self.coverage
        return bool(coverage and coverage.accepted and coverage.until and now <= coverage.until)

    def explain_rejection(self, now: datetime) -> str | None:
        """Return the code for why gateways don't accept what the backend presents; None if they do or it is unknown."""
        if self.coverage is None or self.is_trusted(now):
            return None
        return self.coverage.cause or "expired"


def _enumerate(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
