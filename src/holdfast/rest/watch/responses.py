"""
Responses of operations on watched endpoints.
"""

from typing import Literal

from typing_extensions import TypedDict

from holdfast.apis.watch.watched_endpoint import ChangeKind, WatchStatus
from holdfast.certificates.description import CertificateDescription
from holdfast.rest.responses import Pagination, Timestamp
from holdfast.services.watch.expiry import Source


class WatchedApi(TypedDict):
    """An API with an endpoint at the origin."""

    id: str
    name: str
    version: str


class PresentedSummary(TypedDict):
    """The backend's own certificate, in short; `since` is when its chain was first seen."""

    name: str
    issuer: str
    expires: Timestamp
    since: Timestamp


class Changes(TypedDict):
    """When the backend last presented something new; null: not since it is watched."""

    any: Timestamp | None
    key: Timestamp | None
    issuer: Timestamp | None
    names: Timestamp | None


class Silence(TypedDict):
    """Since when nothing can be read from the backend, why, and when it is tried again."""

    since: Timestamp
    cause: str
    attempts: int
    retry: Timestamp


class WatchedEndpoint(TypedDict):
    """A watched endpoint: the certificate that its backend presents; members are null if they aren't known."""

    id: str
    endpoint: str
    status: WatchStatus
    apis: list[WatchedApi]
    presented: PresentedSummary | None
    trusted: bool | None
    trustedUntil: Timestamp | None
    cause: str | None
    decidedBy: Literal["gateway", "comparison"] | None
    changed: Changes
    unreachable: Silence | None


class WatchedEndpointWithChain(WatchedEndpoint):
    """A watched endpoint with the certificates that its backend presents."""

    certificates: list[CertificateDescription]


class WatchedEndpoints(TypedDict):
    """A page of watched endpoints, the first to expire first."""

    count: int
    list: list[WatchedEndpoint]
    pagination: Pagination


class Period(TypedDict):
    """A period of the timeline: "expired", a month such as "2026-12" (UTC), or "later"; null: may not be read."""

    period: str
    trusted: int | None
    presented: int | None


class Expiry(TypedDict):
    """A certificate that expires; `alias` is null for one that a backend presents, `watchedEndpointId` for others."""

    expires: Timestamp
    source: Source
    name: str
    issuer: str
    endpoint: str
    alias: str | None
    previous: bool
    used: bool
    watchedEndpointId: str | None


class ExpiryTimeline(TypedDict):
    """The number of certificates that expire in each period, and a page of them, the first to expire first."""

    count: int
    periods: list[Period]
    list: list[Expiry]
    pagination: Pagination


class PresentedChain(TypedDict):
    """A chain that the backend presented: `firstSeen`, and `lastChange` to it, which is later if it came back."""

    firstSeen: Timestamp
    lastChange: Timestamp
    changes: list[ChangeKind]
    certificates: list[CertificateDescription]


class PresentedChains(TypedDict):
    """A page of the chains that a backend presented, the latest first."""

    count: int
    list: list[PresentedChain]
    pagination: Pagination
