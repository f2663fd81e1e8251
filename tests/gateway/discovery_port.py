"""
A discovery port on 127.0.0.1 with real TLS, and gateways that connect to it.

    async def story(port):
        membership, fingerprint = port.enroll("eu-1")
        async with connected(membership) as edge:
            assert await edge.take() == {"orders": "1"}

    run(story)
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.edge import PATIENCE, Edge
from holdfast.certificates.gateway_certificates import (
    DISCOVERY_NAME,
    Authority,
    create_authority,
    issue_discovery_certificate,
    issue_gateway_certificate,
    write_pem,
)
from holdfast.gateway.agent.channels import open_remote_channel
from holdfast.gateway.agent.membership import (
    Membership,
    make_request,
)
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.ads import DiscoveryService
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.failures.access_log import AccessLog
from holdfast.gateway.peer import Peer
from holdfast.gateway.remote.admission import Admission, identify_by_transport
from holdfast.gateway.remote.renewal import Renewal, RenewalFailed, RenewalService
from holdfast.gateway.remote.server import serve_remote_gateways
from holdfast.gateway.remote.tls import Credential
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.network.addresses import Address
from holdfast.server.clock import utc_now
from ports import free_port

AUTHORITY = create_authority(utc_now())
ORDERS = Resource(CLUSTER, "orders", "1", b"")
IDENTIFY = identify_by_transport(Peer("local"))


@dataclass
class AcceptedCertificates:
    """The certificates that are accepted, and the futures of the streams that use them."""

    peers: dict[str, Peer] = field(default_factory=dict)
    streams: list[tuple[str, "asyncio.Future[None]"]] = field(default_factory=list)
    authorizations: int = 0

    def authorize(self, fingerprint: str) -> Peer | None:
        self.authorizations += 1
        return self.peers.get(fingerprint)

    def follow_certificate(self, fingerprint: str) -> "asyncio.Future[None]":
        end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.streams.append((fingerprint, end))
        return end

    def reject(self, fingerprint: str) -> None:
        del self.peers[fingerprint]
        for user, end in self.streams:
            if user == fingerprint and not end.done():
                end.set_result(None)


@dataclass
class Port:
    """A discovery port on 127.0.0.1."""

    number: int = 0
    accepted_certificates: AcceptedCertificates = field(default_factory=AcceptedCertificates)
    groups: Groups = field(default_factory=Groups)
    authority: Authority = AUTHORITY
    renewals: list[str] = field(default_factory=list)
    credentials: list[Credential] = field(default_factory=list)
    server: Any = None

    def __post_init__(self) -> None:
        self.control = Control(IDENTIFY, utc_now, self.groups.tell_observers)

    @property
    def address(self) -> Address:
        """Where it listens."""
        return "127.0.0.1", self.number

    def enroll(self, name: str, group: str = "Default", now: datetime | None = None) -> tuple[Membership, str]:
        """Return the membership of an accepted gateway, and the fingerprint of its certificate."""
        request = make_request()
        certificate = issue_gateway_certificate(self.authority, request.csr, name, now or utc_now())
        self.accepted_certificates.peers[certificate.fingerprint] = Peer(name, group)
        credential = Credential(request.key, write_pem(certificate), AUTHORITY.pem)
        return Membership(name, group, "https://x", self.address, DISCOVERY_NAME, credential), certificate.fingerprint

    def renew(self, fingerprint: str, csr: str) -> Renewal:
        self.renewals.append(fingerprint)
        if csr == "again":
            raise RenewalFailed("Wait a minute.")
        certificate = issue_gateway_certificate(
            AUTHORITY, csr, self.accepted_certificates.peers[fingerprint].name, utc_now()
        )
        self.accepted_certificates.peers[certificate.fingerprint] = self.accepted_certificates.peers[fingerprint]
        return Renewal(write_pem(certificate), AUTHORITY.pem, "Default")


def present(authority: Authority = AUTHORITY) -> Credential:
    certificate = issue_discovery_certificate(authority, utc_now())
    return Credential(certificate.key.pem, write_pem(certificate.certificate), authority.pem)


@asynccontextmanager
async def serving(accepted_certificates: AcceptedCertificates | None = None) -> AsyncIterator[Port]:
    """Open a port, which accepts the gateways of another one if that one's *accepted_certificates* are passed."""
    port = Port(accepted_certificates=accepted_certificates or AcceptedCertificates())
    port.credentials.append(present())
    port.groups.default.apply([ORDERS])
    port.groups.add("eu").apply([Resource(CLUSTER, "only in the EU", "1", b"")])
    services = [
        DiscoveryService(IDENTIFY, port.groups.find_cache, utc_now).register,
        RenewalService(port.renew).register,
        AccessLog(IDENTIFY, lambda *_: None, utc_now).register,
        port.control.register,
    ]
    port.number = free_port()
    admission = Admission(port.accepted_certificates)
    port.server = await serve_remote_gateways((port.address,), lambda: port.credentials[-1], admission, services)
    try:
        yield port
    finally:
        await port.server.stop(0)


@asynccontextmanager
async def connect(membership: Membership) -> AsyncIterator[Edge]:
    """Connect, and subscribe to clusters."""
    async with open_remote_channel(membership) as channel:
        edge = Edge(channel, "whatever it says", ())
        try:
            await edge.ask(CLUSTER)
            yield edge
        finally:
            edge.disconnect()


async def rejection(membership: Membership) -> str:
    """Connect, and return the code and text with which the stream ends."""
    async with open_remote_channel(membership) as channel:
        return await ending(Edge(channel, "", ()))


async def ending(edge: Edge) -> str:
    async with asyncio.timeout(PATIENCE):
        code, details = await edge.end()
    return f"{code.name}: {details}"


def run(story: Any) -> None:
    """Run *story*, and check that it leaves no task whose failure nobody handled."""
    problems: list[dict[str, Any]] = []

    def note(_: asyncio.AbstractEventLoop, problem: dict[str, Any]) -> None:
        # gRPC polls for all event loops, and may hand this one what is left of an earlier test's, which is closed.
        if str(problem.get("exception")) != "Event loop is closed":
            problems.append(problem)

    async def run_story() -> None:
        asyncio.get_running_loop().set_exception_handler(note)
        async with asyncio.timeout(60), serving() as port:
            await story(port)
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(run_story())
    assert problems == []
