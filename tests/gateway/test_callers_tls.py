"""Which listeners and which certificate for callers an agent gives its Envoy."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.agents import Agent, make, make_directory, start_envoy, until
from gateway.edge import discovery
from holdfast.gateway.agent.callers_tls import CallersTls
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.resources.constants import GATEWAY_SECRET
from holdfast.gateway.resources.resource import LISTENER, SECRET
from holdfast.network.presented_files import GatewayCertificate
from holdfast.server.clock import utc_now
from issuing import issue
from running import write_identity

SECURE, PLAIN, KEY = make("production/tls", "1", LISTENER), make("production", "1", LISTENER), (SECRET, GATEWAY_SECRET)


def test_a_listener_with_tls_waits_for_the_certificate_of_the_control_plane():
    cache = Cache()
    tls = CallersTls(cache)
    assert tls.admit([SECURE, PLAIN], []) == ([PLAIN], [(LISTENER, SECURE.name)])
    (problem,) = tls.find_problems(utc_now())
    assert "it doesn't listen for production/tls. Set --tls-cert and --tls-key." in problem
    secret = make(GATEWAY_SECRET, "1", SECRET)
    newer = make(SECURE.name, "2", LISTENER)
    tls.admit([newer], [])
    assert tls.admit([secret], []) == ([secret, newer], [])
    cache.apply([secret])
    assert tls.admit([SECURE], []) == ([SECURE], [])
    assert not list(tls.find_problems(utc_now()))
    cache.apply([SECURE, PLAIN])
    assert tls.admit([], [KEY]) == ([], [KEY, (LISTENER, SECURE.name)])
    assert tls.list_waiting(LISTENER) == {SECURE.name: SECURE}


def test_a_listener_that_is_removed_while_it_waits_is_forgotten(tmp_path: Path):
    certificate, key = tmp_path / "publisher.pem", tmp_path / "publisher.key"
    cache, files = Cache(), GatewayCertificate(certificate, key, utc_now)
    tls = CallersTls(cache, files)
    tls.admit([SECURE, make("sandbox/tls", "1", LISTENER)], [])
    tls.admit([], [(LISTENER, SECURE.name)])
    assert list(tls.list_waiting(LISTENER)) == ["sandbox/tls"]
    assert len(list(tls.find_problems(utc_now()))) == 2
    write_identity(tmp_path, issue("127.0.0.1"))
    files.read_again()
    assert (cache.get(*KEY) is not None, list(cache.get_resources(LISTENER))) == (True, ["sandbox/tls"])
    assert not list(tls.find_problems(utc_now()))


def test_the_control_plane_neither_learns_nor_replaces_the_certificate_of_a_gateway(tmp_path: Path):
    files = GatewayCertificate(*write_identity(tmp_path, issue("127.0.0.1")), utc_now)

    async def story():
        async with AsyncExitStack() as stack:
            control, _ = await stack.enter_async_context(discovery(make_directory(tmp_path, "control")))
            own, connect = await stack.enter_async_context(
                discovery(make_directory(tmp_path, "agent"), serves_envoys=True)
            )
            agent = await stack.enter_async_context(Agent(own, tmp_path, CallersTls(own, files)).running())
            secret = own.get(*KEY)
            await start_envoy(connect)
            control.apply([make(GATEWAY_SECRET, "1", SECRET), make("trust", "1", SECRET)])
            await until(lambda: control.gateways and control.gateways[0].has((SECRET, "trust"), "1"))
            control.apply([], [KEY])
            await until(lambda: KEY not in control.gateways[0].acknowledged)
            assert own.get(*KEY) is secret
            assert ("trust", "1") in agent.saved
            assert (GATEWAY_SECRET, "1") not in agent.saved
            names = {name for _, name in control.gateways[0].acknowledged}
            assert names == {"trust"}

    asyncio.run(story())
