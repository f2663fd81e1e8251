"""
Responses of operations on gateways.
"""

from typing_extensions import TypedDict

from holdfast.apis.gateways.gateway import GatewayState
from holdfast.rest.responses import Pagination, Timestamp


class GatewayCertificate(TypedDict):
    """The newest certificate of a gateway."""

    fingerprint: str
    notBefore: Timestamp
    notAfter: Timestamp


class Gateway(TypedDict):
    """A gateway."""

    name: str
    group: str
    labels: dict[str, str]
    state: GatewayState
    certificate: GatewayCertificate | None
    createdTime: Timestamp
    enrolledTime: Timestamp | None
    joinBefore: Timestamp | None


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


class GatewayMembership(TypedDict):
    """The certificate of a gateway that joined, and where it connects."""

    name: str
    group: str
    certificate: str
    ca: str
    discovery: DiscoveryAddress
