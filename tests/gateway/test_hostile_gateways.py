"""A stolen gateway on the discovery port: what it asks for and answers is bounded, and hurts no other gateway."""

import asyncio
import time

import grpc
import pytest
from structlog.testing import capture_logs

from gateway.discovery_port import Port, connect, ending, run
from gateway.edge import Edge, until
from holdfast.gateway.agent.channels import open_remote_channel
from holdfast.gateway.discovery import ads
from holdfast.gateway.discovery.bind_failure import read_bind_failures
from holdfast.gateway.discovery.subscription import LONGEST_NACK, MAX_REASON
from holdfast.gateway.remote import admission
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES, SECRET, Resource

WITHIN = 40  # seconds; without limits, these take minutes
OTHER = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"


def test_no_type_of_resource_and_no_name_reaches_another_group():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        for kind in (CLUSTER, LISTENER, ROUTES, SECRET):
            port.groups.add("eu").apply([Resource(kind, "only in the EU", "1", b"secret")])
        async with open_remote_channel(membership) as channel:
            for kind in (CLUSTER, LISTENER, ROUTES, SECRET):
                edge = Edge(channel, "eu-1 of the group eu", (("gateway", "eu"), ("group", "eu")))
                await edge.ask(kind, "*", "only in the EU", has={"only in the EU": "0"})
                assert (await edge.take()).get("only in the EU", "") == ""
                edge.disconnect()

    run(story)


def test_types_without_resources_are_ignored_and_not_remembered():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        async with connect(membership) as edge:
            await edge.take()
            for number in range(1000):
                await edge.ask(f"{OTHER}{number}", "*", "x" * 1000, has={"y" * 1000: "1"})
            port.groups.default.apply([Resource(CLUSTER, "orders", "2", b"")])
            assert await edge.take() == {"orders": "2"}
            (gateway,) = port.groups.gateways
            assert set(gateway.acknowledged) == {(CLUSTER, "orders")}

    run(story)


def test_versions_count_only_when_a_gateway_connects():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        async with connect(membership) as edge:
            await edge.take()
            await edge.ask(CLUSTER, "nothing", has={f"claimed {number}": "1" for number in range(1000)})
            assert await edge.take() == {"nothing": ""}
            assert set(port.groups.gateways[0].acknowledged) == {(CLUSTER, "orders")}

    run(story)


def test_a_gateway_that_names_too_much_is_disconnected(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ads, "MAX_NAMES", 100)

    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        many = [f"name {number}" for number in range(101)]
        async with open_remote_channel(membership) as channel:
            for names, has, why in (
                (many, {}, "RESOURCE_EXHAUSTED: It names more than 100 resources of one type."),
                ([], dict.fromkeys(many, "1"), "RESOURCE_EXHAUSTED: It names more than 100 resources of one type."),
                (["x" * 1001], {}, "RESOURCE_EXHAUSTED: A name or version has more than 1,000 characters."),
                ([], {"x": "1" * 1001}, "RESOURCE_EXHAUSTED: A name or version has more than 1,000 characters."),
            ):
                edge = Edge(channel, "", ())
                await edge.ask(CLUSTER, *names, has=has)
                assert await ending(edge) == why

    run(story)


def test_a_huge_rejection_stops_no_other_gateway_and_is_kept_and_logged_in_part():
    async def story(port: Port) -> None:
        hostile, _ = port.enroll("eu-1")
        port.groups.default.apply([Resource(CLUSTER, f"cluster {n}", "1", b"") for n in range(2000)])
        async with connect(hostile) as edge:
            response = await edge.receive()
            with capture_logs() as logs:
                await edge.answer(response, "\x1b[2J<script>" + "x" * (10 * LONGEST_NACK))
                async with asyncio.timeout(WITHIN):
                    await until(port.groups.default, lambda gateways: gateways[0].rejected)
            (gateway,) = port.groups.gateways
            assert len(gateway.rejected) == 2001
            assert {len(rejection.message) for rejection in gateway.rejected.values()} == {MAX_REASON}
            assert max(len(str(entry)) for entry in logs) < 2 * ads.MAX_LOGGED

    run(story)


def test_unknown_methods_and_damaged_messages_get_an_error_and_no_stack_trace():
    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        async with open_remote_channel(membership) as channel:
            for method, message, code in (
                ("AggregatedDiscoveryService/StreamAggregatedResources", b"", grpc.StatusCode.UNIMPLEMENTED),
                ("AccessLogService/StreamAccessLogs", b"\xff\xff", grpc.StatusCode.INVALID_ARGUMENT),
            ):
                package = "discovery" if "Aggregated" in method else "accesslog"
                call = channel.stream_stream(f"/envoy.service.{package}.v3.{method}", None, None)()
                if message:  # one that is sent after the stream has ended would hide the code
                    await call.write(message)
                async with asyncio.timeout(WITHIN):
                    assert await call.code() == code
                assert "class" not in await call.details()

    run(story)


@pytest.mark.long
def test_a_gateway_opens_a_bounded_number_of_streams_per_second(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(admission, "STREAMS_PER_SECOND", 3)

    async def story(port: Port) -> None:
        membership, _ = port.enroll("eu-1")
        other_membership, _ = port.enroll("eu-2")
        began = time.monotonic()
        async with open_remote_channel(membership) as channel:
            for _ in range(7):
                edge = Edge(channel, "", ())
                await edge.ask(CLUSTER)
                await edge.take()
                edge.disconnect()
        assert time.monotonic() - began > 1
        async with connect(other_membership) as edge:
            assert await edge.take() == {"orders": "1"}

    run(story)


def test_the_time_to_read_bind_failures_grows_only_with_the_length_of_the_text():
    assert read_bind_failures("x" * 1_000_000) == {}
