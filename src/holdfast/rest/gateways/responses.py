"""
Responses of operations on gateways.
"""

from typing_extensions import TypedDict

from holdfast.apis.gateways.gateway import GatewayState
from holdfast.gateway.control.reports import ProblemKind
from holdfast.rest.responses import Pagination, Timestamp


class GatewayCertificate(TypedDict):
    """The newest certificate of a gateway."""

    fingerprint: str
    notBefore: Timestamp
    notAfter: Timestamp


class GatewayRevision(TypedDict):
    """A revision of the configuration, and since when a gateway has all of it in force."""

    revision: int
    since: Timestamp


class RejectedGatewayResource(TypedDict):
    """A resource that a gateway rejects."""

    type: str
    name: str
    message: str


class GatewayProblem(TypedDict):
    """A problem that a gateway reports."""

    kind: ProblemKind
    message: str


class GatewayMissingToken(TypedDict):
    """
    A backend for which a gateway gets no access token: its cluster (organization, ID of the API and environment), a
    cause, and until when requests carry the last token; null: they are rejected.
    """

    backend: str
    cause: str
    message: str
    validUntil: Timestamp | None


class GatewayTraffic(TypedDict):
    """Requests to one environment since Envoy started."""

    environment: str
    requests: int
    failures: int


class GatewayReport(TypedDict):
    """The last report of a gateway."""

    version: str
    envoyVersion: str | None
    startedTime: Timestamp
    envoyStartedTime: Timestamp | None
    envoyRestarts: int
    envoyEndedTime: Timestamp | None
    staleSince: Timestamp | None
    clockOffset: float | None
    lostReports: int
    problems: list[GatewayProblem]
    missingTokens: list[GatewayMissingToken]
    traffic: list[GatewayTraffic]


class GatewayConnection(TypedDict):
    """The connection of a gateway to a control plane, and what it has applied and reported."""

    controlPlane: str | None
    connectedSince: Timestamp | None
    lastSeen: Timestamp | None
    address: str | None
    newestRevision: int
    applied: GatewayRevision | None
    behind: int
    behindSince: Timestamp | None
    rejections: int
    rejected: list[RejectedGatewayResource]
    report: GatewayReport | None


class Gateway(TypedDict):
    """A gateway."""

    name: str
    group: str
    labels: dict[str, str]
    state: GatewayState
    certificate: GatewayCertificate | None
    createdTime: Timestamp | None
    enrolledTime: Timestamp | None
    joinBefore: Timestamp | None
    connection: GatewayConnection


class Gateways(TypedDict):
    """A page of gateways, ordered by name."""

    count: int
    list: list[Gateway]
    pagination: Pagination


class DiscoveryAddress(TypedDict):
    """The address of the discovery service."""

    host: str | None
    port: int
    serverName: str


class EnrolledGateway(Gateway):
    """A gateway and its join token; `discovery` is null if no gateway can connect from elsewhere."""

    token: str
    discovery: DiscoveryAddress | None


class ControlPlaneAddress(TypedDict):
    """The address where a control plane serves gateways."""

    host: str
    port: int


class GatewayMembership(TypedDict):
    """The certificate of a gateway that joined, and where it connects: to one of the control planes that run now."""

    name: str
    group: str
    certificate: str
    ca: str
    discovery: DiscoveryAddress
    controlPlanes: list[ControlPlaneAddress]


class ControlPlane(TypedDict):
    """A control plane of the database."""

    name: str
    version: str
    startedTime: Timestamp
    lastSeen: Timestamp
    live: bool
    doesTasks: bool
    discovery: list[str]
    deviatingSettings: list[str]


class ControlPlanes(TypedDict):
    """All control planes, ordered by name."""

    count: int
    list: list[ControlPlane]
