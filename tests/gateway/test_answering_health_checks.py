"""A gateway's health checks: when it is ready, and answers even while others hold many connections."""

import asyncio
import socket
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

from gateway.agents import make
from holdfast.gateway.agent.in_force import EnvoyProgress
from holdfast.gateway.agent.monitoring import INITIALIZED_WITHIN, MAX_CONNECTIONS, Monitoring
from holdfast.gateway.discovery.cache import Cache, Rejection
from holdfast.gateway.resources.resource import CLUSTER, LISTENER, ROUTES
from holdfast.server.clock import utc_now

CHECK = b"GET /livez HTTP/1.1\r\nHost: gateway\r\n\r\n"


def test_a_health_check_takes_the_place_of_the_connection_that_was_opened_first():
    async def check():
        monitoring = Monitoring(None, None, None, None, None)  # which /livez doesn't need
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address = listening.getsockname()
            async with monitoring.serve([listening]), asyncio.timeout(60):
                slow = [await asyncio.open_connection(*address) for _ in range(MAX_CONNECTIONS)]
                for _, writer in slow:
                    writer.write(CHECK[:-2])
                reader, writer = await asyncio.open_connection(*address)
                writer.write(CHECK)
                assert (await reader.read()).startswith(b"HTTP/1.1 200")
                assert await slow[0][0].read() == b""
                slow[-1][1].write(CHECK[-2:])
                assert (await slow[-1][0].read()).startswith(b"HTTP/1.1 200")
                for _, stream in [*slow, (reader, writer)]:
                    stream.close()

    asyncio.run(check())


@pytest.fixture
def cache():
    """An API's resources, and the listener."""
    cache = Cache()
    cache.apply([make("c"), make("r", type_url=ROUTES), make("l", type_url=LISTENER)])
    return cache


def monitor(cache, is_complete=lambda: True, **clocks):
    """Monitor a gateway whose Envoy accepts connections on every listener that it acknowledges."""
    is_open = SimpleNamespace(has=lambda *_: True)
    return Monitoring(cache, EnvoyProgress(cache, is_open), None, clocks.pop("now", utc_now), is_complete, **clocks)


def connect(cache):
    """Connect an Envoy that requests listeners."""
    envoy, watch = cache.connect("eu-1", utc_now())
    envoy.started = True
    return envoy, watch


def test_a_gateway_is_ready_once_its_envoy_has_each_route():
    cache = Cache()
    routes = [make(f"r{number}", type_url=ROUTES) for number in range(2)]
    cache.apply([make("c"), *routes, make("l", type_url=LISTENER)])
    states = []
    monitoring = monitor(cache, lambda: bool(states))
    assert monitoring.find_failing() == ["Envoy"]
    envoy, _ = connect(cache)
    assert monitoring.find_failing() == ["configuration"]
    states.append("everything")
    assert monitoring.find_failing() == ["listeners"]
    envoy.acknowledged |= {(LISTENER, "l"): "1", (CLUSTER, "c"): "1", (ROUTES, "r0"): "1"}
    assert monitoring.find_failing() == ["configuration"]
    envoy.acknowledged[ROUTES, "r1"] = "1"
    assert monitoring.find_failing() == []
    cache.apply([make("r2", type_url=ROUTES)])  # a change takes nobody out of service
    assert monitoring.find_failing() == []


def test_an_envoy_that_was_restarted_is_ready_once_it_has_everything_again(cache):
    monitoring = monitor(cache)
    for _ in range(2):
        envoy, watch = connect(cache)
        envoy.acknowledged[LISTENER, "l"] = "1"
        assert monitoring.find_failing() == ["configuration"]
        envoy.acknowledged |= {(CLUSTER, "c"): "1", (ROUTES, "r"): "1"}
        assert monitoring.find_failing() == []
        cache.disconnect(envoy, watch)


def test_a_hot_restart_takes_no_gateway_out_of_service(cache):
    monitoring = monitor(cache)
    old, watch = connect(cache)
    old.acknowledged |= {(LISTENER, "l"): "1", (CLUSTER, "c"): "1", (ROUTES, "r"): "1"}
    assert monitoring.find_failing() == []
    new, _ = connect(cache)
    assert monitoring.find_failing() == []
    new.restart_epoch = 1
    new.rejected[LISTENER, "l"] = Rejection("1", "address already in use")
    assert monitoring.find_failing() == ["listeners"]  # the old one accepts no more connections
    new.rejected.clear()
    new.acknowledged[LISTENER, "l"] = "1"
    assert monitoring.find_failing() == []
    cache.disconnect(old, watch)
    assert monitoring.find_failing() == ["configuration"]
    new.acknowledged |= {(CLUSTER, "c"): "1", (ROUTES, "r"): "1"}
    assert monitoring.find_failing() == []


def test_a_resource_without_an_answer_keeps_no_gateway_out_of_service_for_long(cache):
    seconds = 0.0
    monitoring = monitor(cache, now=lambda: utc_now() + timedelta(days=1), clock=lambda: time.monotonic() + seconds)
    envoy, _ = connect(cache)
    envoy.acknowledged |= {(LISTENER, "l"): "1", (CLUSTER, "c"): "1"}
    assert monitoring.find_failing() == ["configuration"]  # although the machine's clock has jumped
    seconds = INITIALIZED_WITHIN + 1
    assert monitoring.find_failing() == []
