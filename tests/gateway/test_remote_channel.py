"""The discovery port: mutual TLS 1.3 with accepted gateways, and nobody else gets a stream."""

import asyncio
import gc
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import structlog
from structlog.testing import CapturingLogger, LogCapture

from gateway.edge import PATIENCE, Edge
from holdfast.certificates.gateway_certificates import (
    CERTIFICATE_LASTS,
    DISCOVERY_NAME,
    Authority,
    create_authority,
    issue_discovery_certificate,
    issue_gateway_certificate,
    pem_of,
)
from holdfast.gateway.agent import control_plane
from holdfast.gateway.agent.control_plane import RemoteControlPlane, open_remote_channel
from holdfast.gateway.agent.expiry import Expiries
from holdfast.gateway.agent.in_force import EnvoyProgress
from holdfast.gateway.agent.membership import (
    MEMBERSHIP_FILE,
    Membership,
    UnusableMembership,
    make_request,
    read_membership,
    write_membership,
)
from holdfast.gateway.agent.open_listeners import OpenListeners
from holdfast.gateway.agent.upstream import Upstream
from holdfast.gateway.control.client import ControlClient
from holdfast.gateway.control.probes import EnvoyProbes
from holdfast.gateway.discovery.ads import DiscoveryService
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.peer import Peer
from holdfast.gateway.remote import admission
from holdfast.gateway.remote.admission import MAX_STREAMS, NOT_ACCEPTED, Admission, identify_by_transport
from holdfast.gateway.remote.renewal import RenewalFailed, RenewalService, Renewed, request_renewal
from holdfast.gateway.remote.server import CannotListen, serve_remote_gateways
from holdfast.gateway.remote.tls import Credential
from holdfast.gateway.resources.resource import CLUSTER, Resource
from holdfast.server.clock import utc_now
from running import wait_until

AUTHORITY = create_authority(utc_now())
ORDERS = Resource(CLUSTER, "orders", "1", b"")


@dataclass
class Accepted:
    """The certificates that are accepted, and the futures of the streams that use them."""

    peers: dict[str, Peer] = field(default_factory=dict)
    streams: list[tuple[str, "asyncio.Future[None]"]] = field(default_factory=list)
    asked: int = 0

    def authorize(self, fingerprint: str) -> Peer | None:
        self.asked += 1
        return self.peers.get(fingerprint)

    def follow_certificate(self, fingerprint: str) -> "asyncio.Future[None]":
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.streams.append((fingerprint, ended))
        return ended

    def reject(self, fingerprint: str) -> None:
        del self.peers[fingerprint]
        for each, ended in self.streams:
            if each == fingerprint and not ended.done():
                ended.set_result(None)


@dataclass
class Port:
    """A discovery port on 127.0.0.1."""

    number: int = 0
    accepted: Accepted = field(default_factory=Accepted)
    groups: Groups = field(default_factory=Groups)
    authority: Authority = AUTHORITY
    renewals: list[str] = field(default_factory=list)
    presented: list[Credential] = field(default_factory=list)

    def enroll(self, name: str, group: str = "Default", now: datetime | None = None) -> tuple[Membership, str]:
        """Return the membership of an accepted gateway, and the fingerprint of its certificate."""
        request = make_request()
        certificate = issue_gateway_certificate(self.authority, request.csr, name, now or utc_now())
        self.accepted.peers[certificate.fingerprint] = Peer(name, group)
        credential = Credential(request.key, pem_of(certificate), AUTHORITY.pem)
        at = ("127.0.0.1", self.number)
        return Membership(name, group, "https://x", at, DISCOVERY_NAME, credential), certificate.fingerprint

    def renew(self, fingerprint: str, csr: str) -> Renewed:
        self.renewals.append(fingerprint)
        if csr == "again":
            raise RenewalFailed("Wait a minute.")
        certificate = issue_gateway_certificate(AUTHORITY, csr, self.accepted.peers[fingerprint].name, utc_now())
        self.accepted.peers[certificate.fingerprint] = self.accepted.peers[fingerprint]
        return Renewed(pem_of(certificate), AUTHORITY.pem, "Default")


def present(authority: Authority = AUTHORITY) -> Credential:
    issued = issue_discovery_certificate(authority, utc_now())
    return Credential(issued.key.pem, pem_of(issued.certificate), authority.pem)


@asynccontextmanager
async def serving() -> AsyncIterator[Port]:
    port = Port()
    port.presented.append(present())
    port.groups.default.apply([ORDERS])
    port.groups.add("eu").apply([Resource(CLUSTER, "only in the EU", "1", b"")])
    identify = identify_by_transport(Peer("local"))
    services = [
        DiscoveryService(identify, port.groups.find_cache, utc_now).register,
        RenewalService(port.renew).register,
    ]
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port.number = unused.getsockname()[1]
    at = (("127.0.0.1", port.number),)
    server = await serve_remote_gateways(at, lambda: port.presented[-1], Admission(port.accepted), services)
    try:
        yield port
    finally:
        await server.stop(0)


@asynccontextmanager
async def connected(membership: Membership) -> AsyncIterator[Edge]:
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
    problems: list[str] = []

    async def limited() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context["message"]))
        async with asyncio.timeout(30), serving() as port:
            await story(port)
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(limited())
    assert not problems


def test_each_gateway_gets_the_resources_of_the_group_in_its_enrollment():
    async def story(port: Port) -> None:
        for name, group, resources in (("one", "Default", {"orders": "1"}), ("two", "eu", {"only in the EU": "1"})):
            membership, _ = port.enroll(name, group)
            async with connected(membership) as edge:
                assert await edge.take() == resources
                assert [gateway.id for gateway in port.groups.gateways] == [name]

    run(story)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        async with connected(membership) as edge:
            assert await edge.take() == {"orders": "1"}

    run(story)


def test_a_revoked_gateway_loses_its_stream_at_once_and_gets_no_other():
    async def story(port: Port) -> None:
        membership, fingerprint = port.enroll("eu-1")
        other, _ = port.enroll("eu-2")
        async with connected(membership) as edge, connected(other) as unaffected:
            await edge.take()
            await unaffected.take()
            port.accepted.reject(fingerprint)
            async with asyncio.timeout(1):
                assert await ending(edge) == f"PERMISSION_DENIED: {NOT_ACCEPTED}"
            assert [gateway.id for gateway in port.groups.gateways] == ["eu-2"]
            assert await rejection(membership) == f"PERMISSION_DENIED: {NOT_ACCEPTED}"
            port.groups.default.apply([Resource(CLUSTER, "orders", "2", b"")])
            assert await unaffected.take() == {"orders": "2"}

    run(story)


def test_a_gateway_that_keeps_asking_is_logged_once_with_its_name(monkeypatch: pytest.MonkeyPatch):
    log = CapturingLogger()
    monkeypatch.setattr(admission, "log", log)

    async def story(port: Port) -> None:
        for name in ("eu-1", "eu-2"):
            membership, fingerprint = port.enroll(name)
            del port.accepted.peers[fingerprint]
            for _ in range(3):
                await rejection(membership)

    run(story)
    assert [call.kwargs["gateway"] for call in log.calls] == ["eu-1", "eu-2"]


def test_certificates_that_are_unknown_expired_or_of_another_ca_get_no_stream():
    async def story(port: Port) -> None:
        unknown, fingerprint = port.enroll("unknown")
        del port.accepted.peers[fingerprint]
        assert await rejection(unknown) == f"PERMISSION_DENIED: {NOT_ACCEPTED}"
        expired, _ = port.enroll("expired", now=utc_now() - CERTIFICATE_LASTS - timedelta(minutes=1))
        port.authority = create_authority(utc_now())
        foreign, _ = port.enroll("foreign")
        server = issue_discovery_certificate(AUTHORITY, utc_now())  # for servers, not for clients
        port.accepted.peers[server.certificate.fingerprint] = Peer("stolen")
        as_server = Credential(server.key.pem, pem_of(server.certificate), AUTHORITY.pem)
        stolen = Membership("stolen", "Default", "", unknown.discovery, DISCOVERY_NAME, as_server)
        for membership in (expired, foreign, stolen):
            assert (await rejection(membership)).startswith("UNAVAILABLE: "), membership.name
        assert not port.groups.gateways

    run(story)


def test_a_gateway_connects_only_to_the_discovery_service_of_the_gateways_ca():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        stranger = create_authority(utc_now())
        request = make_request()
        as_gateway = issue_gateway_certificate(AUTHORITY, request.csr, "evil", utc_now())
        for credential in (present(stranger), Credential(request.key, pem_of(as_gateway), AUTHORITY.pem)):
            port.presented.append(Credential(credential.key, credential.certificate, AUTHORITY.pem))
            assert "CERTIFICATE_VERIFY_FAILED" in await rejection(membership)
        port.presented.append(present())  # a renewed certificate is presented without a restart
        async with connected(membership) as edge:
            assert await edge.take() == {"orders": "1"}

    run(story)


def test_clients_without_tls_or_a_certificate_get_no_stream():
    async def story(port: Port) -> None:
        address = f"127.0.0.1:{port.number}"
        anonymous = grpc.ssl_channel_credentials(AUTHORITY.pem.encode())
        name = [("grpc.ssl_target_name_override", DISCOVERY_NAME)]
        for channel in (grpc.aio.insecure_channel(address), grpc.aio.secure_channel(address, anonymous, options=name)):
            async with channel:
                assert (await ending(Edge(channel, "", ()))).startswith("UNAVAILABLE: ")
        assert not port.accepted.streams

    run(story)


def test_a_gateway_that_reads_nothing_slows_nobody_down_and_gets_the_latest_state():
    async def story(port: Port) -> None:
        slow, _ = port.enroll("slow")
        quick, _ = port.enroll("quick")
        async with connected(slow) as lazy, connected(quick) as edge:
            await edge.take()
            large = os.urandom(200_000)
            for version in range(2, 42):
                port.groups.default.apply([Resource(CLUSTER, "orders", str(version), large)])
                assert await edge.take() == {"orders": str(version)}
            received = []
            while not received or received[-1] != {"orders": "41"}:
                received.append(await lazy.take())
            assert len(received) < 30

    run(story)


def test_a_gateway_that_disconnects_in_the_middle_of_a_message_leaves_nothing_behind():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        port.groups.default.apply([Resource(CLUSTER, f"orders {n}", "1", bytes(100_000)) for n in range(100)])
        async with connected(membership):
            await asyncio.to_thread(wait_until, lambda: any(each.unanswered for each in port.groups.gateways))
        await asyncio.to_thread(wait_until, lambda: not port.groups.gateways)

    run(story)


def test_a_gateway_has_a_bounded_number_of_streams():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        async with open_remote_channel(membership) as channel, open_remote_channel(membership) as second:
            edges = [Edge(channel, "", ()) for _ in range(MAX_STREAMS)]
            for edge in edges:
                await edge.ask(CLUSTER)
                await edge.take()
            more = Edge(second, "", ())
            assert await ending(more) == "RESOURCE_EXHAUSTED: This gateway has too many streams."
            edges[0].disconnect()
            other, _ = port.enroll("eu-2")
            async with connected(other) as unaffected:
                assert await unaffected.take() == {"orders": "1"}

    run(story)


def test_a_certificate_is_renewed_over_the_connection_that_it_protects():
    async def story(port: Port) -> None:
        membership, fingerprint = port.enroll("eu-1")
        request = make_request()
        async with open_remote_channel(membership) as channel:
            renewed = membership.renewed(request.key, await request_renewal(channel, request.csr))
            with pytest.raises(RenewalFailed, match="Wait a minute") as raised:
                await request_renewal(channel, "again")
            assert not raised.value.is_final
            with pytest.raises(RenewalFailed, match="too long"):
                await request_renewal(channel, "x" * 20_000)
            port.accepted.reject(fingerprint)
            with pytest.raises(RenewalFailed) as refused:
                await request_renewal(channel, request.csr)
            assert (str(refused.value), refused.value.is_final) == (NOT_ACCEPTED, True)
        assert port.renewals == [fingerprint] * 2
        async with connected(renewed) as edge:
            assert await edge.take() == {"orders": "1"}

    run(story)


def test_a_taken_port_is_not_shared():
    async def story(port: Port) -> None:
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port.number}"):
            await serve_remote_gateways((("127.0.0.1", port.number),), present, Admission(port.accepted), [])

    run(story)


def test_an_agent_that_is_rejected_keeps_asking_and_leaves_nothing_behind():
    async def story(port: Port) -> None:
        membership, fingerprint = port.enroll("eu-1")
        cache = Cache()
        cache.connect("envoy")[0].started = True
        in_force = EnvoyProgress(cache, OpenListeners(cache))
        upstream = Upstream(cache, "eu-1", utc_now, in_force, Expiries(cache, utc_now))
        control = ControlClient(EnvoyProbes(cache, Path("nowhere")))
        async with open_remote_channel(membership) as channel, asyncio.TaskGroup() as tasks:
            following = [tasks.create_task(each) for each in (upstream.follow(channel), control.keep(channel))]
            await asyncio.to_thread(wait_until, lambda: cache.get(CLUSTER, "orders"))
            port.accepted.reject(fingerprint)
            await asyncio.to_thread(wait_until, lambda: upstream.stale_since)
            rejected = port.accepted.asked
            await asyncio.to_thread(wait_until, lambda: port.accepted.asked > rejected + 4)
            for task in following:
                task.cancel()

    run(story)


def test_an_agent_renews_its_certificate_after_two_thirds_and_connects_with_the_new_one(tmp_path: Path):
    async def story(port: Port) -> None:
        membership, fingerprint = port.enroll("eu-1")
        write_membership(tmp_path, membership)
        now = [utc_now() + CERTIFICATE_LASTS * 0.61]
        publisher = RemoteControlPlane(tmp_path, membership, lambda: now[0])
        async with publisher.open_channel() as channel:
            waiting = asyncio.create_task(publisher.until_outdated(channel))
            done, _ = await asyncio.wait((waiting,), timeout=0.05)
            assert not done
            waiting.cancel()
            now[0] += CERTIFICATE_LASTS * 0.06
            async with asyncio.timeout(PATIENCE):
                await publisher.until_outdated(channel)
        renewed = read_membership(tmp_path)
        assert renewed is not None
        assert renewed.credential.key != membership.credential.key
        port.accepted.reject(fingerprint)
        async with publisher.open_channel() as channel:
            edge = Edge(channel, "", ())
            await edge.ask(CLUSTER)
            assert await edge.take() == {"orders": "1"}
        assert (tmp_path / MEMBERSHIP_FILE).stat().st_mode & 0o777 == 0o600

    run(story)


def test_an_agent_whose_certificate_has_expired_logs_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    logs = LogCapture()
    monkeypatch.setattr(
        control_plane, "log", structlog.wrap_logger(None, [logs], structlog.make_filtering_bound_logger(0))
    )

    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        expired = utc_now() + CERTIFICATE_LASTS
        async with RemoteControlPlane(tmp_path, membership, lambda: expired).open_channel():
            pass

    run(story)
    (entry,) = logs.entries
    assert entry["event"] == (
        "the gateway's certificate has expired; create a token with `holdfast gateway enroll` and join again"
    )


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"discovery": ["x", 1], "credential": {}}'])
def test_a_damaged_membership_is_reported(tmp_path: Path, content: str):
    assert read_membership(tmp_path) is None
    (tmp_path / MEMBERSHIP_FILE).write_text(content)
    with pytest.raises(UnusableMembership, match=r"membership\.json is damaged\. Join again with a new token"):
        read_membership(tmp_path)
