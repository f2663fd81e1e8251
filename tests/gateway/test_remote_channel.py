"""The discovery port: mutual TLS 1.3 with accepted gateways, and nobody else gets a stream."""

import asyncio
import os
import threading
from dataclasses import replace
from datetime import timedelta

import grpc.aio
import pytest
from structlog.testing import CapturingLogger

from gateway.discovery_port import (
    AUTHORITY,
    Port,
    connect,
    ending,
    present,
    rejection,
    run,
)
from gateway.edge import PATIENCE, Edge
from gateway.failover import until
from holdfast.certificates.gateway_certificates import (
    CERTIFICATE_LASTS,
    DISCOVERY_NAME,
    create_authority,
    issue_discovery_certificate,
    issue_gateway_certificate,
    write_pem,
)
from holdfast.gateway.agent import channels
from holdfast.gateway.agent.channels import open_remote_channel
from holdfast.gateway.agent.membership import (
    Membership,
    make_request,
)
from holdfast.gateway.peer import Peer
from holdfast.gateway.remote import admission
from holdfast.gateway.remote.admission import AT_ONCE, MAX_STREAMS, NOT_ACCEPTED, UNDECIDED, Admission
from holdfast.gateway.remote.server import CannotListen, serve_remote_gateways
from holdfast.gateway.remote.tls import Credential
from holdfast.gateway.resources.constants import GATEWAY_SECRET
from holdfast.gateway.resources.resource import CLUSTER, SECRET, Resource
from holdfast.refusals import TryLater
from holdfast.server.clock import utc_now
from running import wait_until


def list_followers(port: Port) -> list[str]:
    """Return the names of the gateways that follow."""
    return [gateway.id for gateway in port.groups.gateways]


def test_each_gateway_gets_the_resources_of_the_group_in_its_enrollment():
    async def story(port: Port) -> None:
        for name, group, resources in (("one", "Default", {"orders": "1"}), ("two", "eu", {"only in the EU": "1"})):
            membership, _ = port.enroll(name, group)
            async with connect(membership) as edge:
                assert await edge.take() == resources
                await asyncio.to_thread(wait_until, lambda: list_followers(port) == [name])  # noqa: B023 - it is waited for

    run(story)


def test_a_gateway_that_cannot_be_authorized_for_now_gets_the_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def be_unreachable(_: str) -> None:
        raise TryLater("db.example refuses connections")

    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        monkeypatch.setattr(port.accepted_certificates, "authorize", be_unreachable)
        assert await rejection(membership) == f"ABORTED: {UNDECIDED}"

    run(story)
    assert not caplog.records  # gRPC logs exceptions that a service doesn't handle


def test_gateways_that_are_authorized_slowly_leave_the_other_threads_free(monkeypatch: pytest.MonkeyPatch):
    is_decided, fingerprints = threading.Event(), []

    def decide_slowly(fingerprint: str) -> None:
        fingerprints.append(fingerprint)
        is_decided.wait(PATIENCE)

    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        monkeypatch.setattr(port.accepted_certificates, "authorize", decide_slowly)
        async with open_remote_channel(membership) as channel:
            for _ in range(MAX_STREAMS):
                await Edge(channel, "", ()).ask(CLUSTER)
            await until(lambda: len(fingerprints) >= AT_ONCE)
            try:
                async with asyncio.timeout(PATIENCE / 2):
                    await asyncio.to_thread(bool)
            finally:
                is_decided.set()

    run(story)


def test_the_key_of_the_publishers_machine_does_not_leave_it():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        key, trust = (Resource(SECRET, name, "1", b"") for name in (GATEWAY_SECRET, "trust"))
        port.groups.default.apply([key, trust])
        async with connect(membership) as edge:
            await edge.take()
            await edge.ask(SECRET)
            assert await edge.take() == {"trust": "1"}
            await edge.ask(SECRET, GATEWAY_SECRET)
            assert await edge.take() == {GATEWAY_SECRET: ""}
            port.groups.default.apply([replace(key, version="2"), replace(trust, version="2")])
            assert await edge.take() == {"trust": "2"}
        # One that got it from an earlier version loses it.
        async with connect(membership) as edge:
            await edge.take()
            await edge.ask(SECRET, has={GATEWAY_SECRET: "1", "trust": "2"})
            assert await edge.take() == {GATEWAY_SECRET: ""}

    run(story)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch):
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        async with connect(membership) as edge:
            assert await edge.take() == {"orders": "1"}

    run(story)


def test_a_revoked_gateway_loses_its_stream_at_once_and_gets_no_other():
    async def story(port: Port) -> None:
        membership, fingerprint = port.enroll("eu-1")
        other_membership, _ = port.enroll("eu-2")
        async with connect(membership) as edge, connect(other_membership) as other_edge:
            await edge.take()
            await other_edge.take()
            port.accepted_certificates.reject(fingerprint)
            async with asyncio.timeout(PATIENCE / 2):
                assert await ending(edge) == f"PERMISSION_DENIED: {NOT_ACCEPTED}"
            await asyncio.to_thread(wait_until, lambda: list_followers(port) == ["eu-2"])
            assert await rejection(membership) == f"PERMISSION_DENIED: {NOT_ACCEPTED}"
            port.groups.default.apply([Resource(CLUSTER, "orders", "2", b"")])
            assert await other_edge.take() == {"orders": "2"}

    run(story)


def test_a_gateway_that_keeps_asking_is_logged_once_with_its_name(monkeypatch: pytest.MonkeyPatch):
    log = CapturingLogger()
    monkeypatch.setattr(admission, "log", log)

    async def story(port: Port) -> None:
        for name in ("eu-1", "eu-2"):
            membership, fingerprint = port.enroll(name)
            del port.accepted_certificates.peers[fingerprint]
            for _ in range(3):
                await rejection(membership)

    run(story)
    assert [call.kwargs["gateway"] for call in log.calls] == ["eu-1", "eu-2"]


def test_certificates_that_are_unknown_expired_or_of_another_ca_get_no_stream():
    async def story(port: Port) -> None:
        unknown, fingerprint = port.enroll("unknown")
        del port.accepted_certificates.peers[fingerprint]
        assert await rejection(unknown) == f"PERMISSION_DENIED: {NOT_ACCEPTED}"
        expired_membership, _ = port.enroll("expired", now=utc_now() - CERTIFICATE_LASTS - timedelta(minutes=1))
        port.authority = create_authority(utc_now())
        foreign, _ = port.enroll("foreign")
        server = issue_discovery_certificate(AUTHORITY, utc_now())  # for servers, not for clients
        port.accepted_certificates.peers[server.certificate.fingerprint] = Peer("stolen")
        as_server = Credential(server.key.pem, write_pem(server.certificate), AUTHORITY.pem)
        stolen = Membership("stolen", "Default", "", unknown.discovery, DISCOVERY_NAME, as_server)
        for membership in (expired_membership, foreign, stolen):
            assert (await rejection(membership)).startswith("UNAVAILABLE: "), membership.name
        assert not port.groups.gateways

    run(story)


def test_a_gateway_connects_only_to_the_discovery_service_of_the_gateways_ca():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        stranger = create_authority(utc_now())
        request = make_request()
        as_gateway = issue_gateway_certificate(AUTHORITY, request.csr, "evil", utc_now())
        for credential in (present(stranger), Credential(request.key, write_pem(as_gateway), AUTHORITY.pem)):
            port.credentials.append(Credential(credential.key, credential.certificate, AUTHORITY.pem))
            assert "CERTIFICATE_VERIFY_FAILED" in await rejection(membership)
        port.credentials.append(present())  # a renewed certificate is presented without a restart
        async with connect(membership) as edge:
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
        assert not port.accepted_certificates.streams

    run(story)


def test_a_gateway_that_reads_nothing_slows_nobody_down_and_gets_the_latest_state():
    async def story(port: Port) -> None:
        slow, _ = port.enroll("slow")
        quick, _ = port.enroll("quick")
        async with connect(slow) as lazy, connect(quick) as edge:
            await edge.take()
            large = os.urandom(200_000)
            for version in range(2, 42):
                port.groups.default.apply([Resource(CLUSTER, "orders", str(version), large)])
                assert await edge.take() == {"orders": str(version)}
            updates = []
            while not updates or updates[-1] != {"orders": "41"}:
                updates.append(await lazy.take())
            assert len(updates) < 30

    run(story)


def test_a_gateway_that_disconnects_in_the_middle_of_a_message_leaves_nothing_behind():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        port.groups.default.apply([Resource(CLUSTER, f"orders {n}", "1", bytes(100_000)) for n in range(100)])
        async with connect(membership):
            await asyncio.to_thread(wait_until, lambda: any(gateway.unanswered for gateway in port.groups.gateways))
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
            other_membership, _ = port.enroll("eu-2")
            async with connect(other_membership) as other_edge:
                assert await other_edge.take() == {"orders": "1"}

    run(story)


def test_a_taken_port_is_not_shared():
    async def story(port: Port) -> None:
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port.number}"):
            await serve_remote_gateways(
                (("127.0.0.1", port.number),), present, Admission(port.accepted_certificates), []
            )

    run(story)


@pytest.mark.long
def test_agents_that_ping_often_stay_connected(monkeypatch: pytest.MonkeyPatch):
    every_second = (dict(channels.OPTIONS) | {"grpc.keepalive_time_ms": 1000}).items()
    monkeypatch.setattr(channels, "OPTIONS", list(every_second))

    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        async with connect(membership) as edge:
            await edge.take()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(4.5):  # by default, the fourth ping ends a silent connection
                    await edge.end()

    run(story)
