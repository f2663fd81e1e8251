"""Backends whose names resolve slowly: a change counts as enforced only once the gateway uses it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from envoy.config.core.v3.address_pb2 import Address, SocketAddress
from envoy.extensions.network.dns_resolver.cares.v3.cares_dns_resolver_pb2 import CaresDnsResolverConfig
from google.protobuf.wrappers_pb2 import UInt64Value

from acting import context_of
from backends import Backend
from gateway.edge import serve_cache, until
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.enforcement import Progress
from holdfast.apis.gateways.group import DEFAULT_GROUP
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.probing.resources import build_probe
from holdfast.gateway.process.binary import find_envoy
from holdfast.gateway.process.directory import gateway_directory
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.gateway.resources import clusters
from holdfast.gateway.resources.backend_limits import DEFAULT_LIMITS
from holdfast.gateway.resources.resource import CLUSTER, ROUTES
from holdfast.server.clock import utc_now
from holdfast.services.catalog import apis, lifecycle
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.revisions.deployments import deploy_revision
from holdfast.services.revisions.revisions import create_revision
from holdfast.services.trust import endpoint_certificates
from issuing import issue
from ports import free_addresses
from services.control_plane import control_plane

pytestmark = pytest.mark.envoy
PATIENCE = 40  # seconds
IPV4 = 1  # the DNS type A


class Names(asyncio.DatagramProtocol):
    """A DNS server that answers 127.0.0.1 for names, once a test has released them."""

    def __init__(self) -> None:
        self.address = ("", 0)
        self._released: set[str] = set()
        self._waiting: list[tuple[bytes, str, tuple[str, int]]] = []
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport):
        self._transport, self.address = transport, transport.get_extra_info("sockname")

    def datagram_received(self, data, addr):
        name, place = [], 12
        while data[place]:
            name.append(data[place + 1 : place + 1 + data[place]].decode())
            place += data[place] + 1
        self._waiting.append((data[: place + 5], ".".join(name), addr))
        self._answer()

    def release(self, *names: str) -> None:
        """Answer queries for *names* from now on."""
        self._released.update(names)
        self._answer()

    def hold(self, name: str) -> None:
        """Answer no more queries for *name*."""
        self._released.discard(name)

    def _answer(self):
        for query in [query for query in self._waiting if query[1] in self._released]:
            self._waiting.remove(query)
            data, _, address = query
            (kind,) = struct.unpack("!H", data[-4:-2])
            address_record = b"\xc0\x0c" + struct.pack("!HHIH4B", IPV4, 1, 0, 4, 127, 0, 0, 1)
            answers = [address_record] if kind == IPV4 else []
            head = data[:2] + b"\x81\x80" + struct.pack("!4H", 1, len(answers), 0, 0)
            self._transport.sendto(head + data[12:] + b"".join(answers), address)


@asynccontextmanager
async def slow_names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Names]:
    """Run a DNS server that gateways use for all backends."""
    transport, names = await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", 0))
    host, port = names.address
    resolver = Address(socket_address=SocketAddress(address=host, port_value=port))
    patient = CaresDnsResolverConfig(resolvers=[resolver], query_timeout_seconds=UInt64Value(value=60))
    monkeypatch.setattr(clusters, "CaresDnsResolverConfig", lambda **_: patient)
    try:
        yield names
    finally:
        transport.close()


@asynccontextmanager
async def envoy(cache: Cache, directory: Path, *, serves: bool = True) -> AsyncIterator[EnvoyProcess]:
    """Run an Envoy that *cache* configures; unless *serves*, the test serves the cache itself."""
    async with AsyncExitStack() as stack:
        own = stack.enter_context(gateway_directory(directory))
        process = EnvoyProcess(find_envoy, "local", own, directory / "log", 1000, utc_now)
        if serves:
            server = await serve_cache(cache, f"unix:{process.sockets / 'ads'}", serves_envoys=True)
            stack.push_async_callback(server.stop, 0)
        stack.push_async_callback(process.stop)
        await process.start()
        yield process


async def wait_for(question: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the answer is yes."""
    async with asyncio.timeout(PATIENCE):
        while not await question():  # noqa: ASYNC110 - Envoy's admin interface has no events
            await asyncio.sleep(0.01)


async def is_warming(process: EnvoyProcess, *names: str) -> bool:
    return await process.list_warming() == set(names)


def cluster(name: str, attempt: str = ""):
    """Build the cluster *name*; *attempt* makes it another version."""
    endpoint = parse_endpoint(f"http://{name}{attempt}.test:9")
    return clusters.build_clusters(name, endpoint, None, None, DEFAULT_LIMITS)[0]


def has(cache: Cache, *names: str) -> bool:
    """Return whether the gateway has acknowledged the current versions of these clusters."""
    (gateway,) = cache.gateways
    return all(gateway.has((CLUSTER, name), cache.get(CLUSTER, name).version) for name in names)


def test_envoy_acknowledges_clusters_only_once_it_uses_them_except_at_its_start(tmp_path, monkeypatch):
    cache = Cache()

    async def story():
        async with slow_names(monkeypatch) as names:
            cache.apply([cluster("first")])
            async with envoy(cache, tmp_path) as process:
                # While it starts, an ACK says nothing, not even for a second response; a request for listeners does.
                await until(cache, lambda gateways: gateways and has(cache, "first"))
                cache.apply([cluster("second")])
                await until(cache, lambda _: has(cache, "first", "second"))
                assert await is_warming(process, "first", "second")
                assert not cache.gateways[0].started
                names.release("first.test", "second.test")
                await until(cache, lambda gateways: gateways[0].started)
                assert await is_warming(process)

                # Later, each ACK waits until nothing is warming: also the ACKs of what was never warming (a probe).
                cache.apply([cluster("a")])
                await wait_for(lambda: is_warming(process, "a"))
                probe = build_probe("probe", parse_endpoint("http://127.0.0.1:9"), None, ["127.0.0.1"])
                cache.apply([probe.cluster])
                cache.apply([cluster("b")])
                await wait_for(lambda: is_warming(process, "a", "b"))
                names.release("a.test")
                await wait_for(lambda: is_warming(process, "b"))
                assert not any(has(cache, name) for name in ("a", "b", "probe"))
                names.release("b.test")
                await until(cache, lambda _: has(cache, "a", "b", "probe"))
                assert await is_warming(process)

                # A new version of a cluster, and a removal of it while it is warming.
                cache.apply([cluster("a", "-again")])
                await wait_for(lambda: is_warming(process, "a"))
                assert [has(cache, name) for name in ("a", "b")] == [False, True]
                cache.apply([cluster("c")], [(CLUSTER, "a")])
                await wait_for(lambda: is_warming(process, "c"))
                assert not has(cache, "c")
                names.release("c.test")
                await until(cache, lambda _: has(cache, "c"))

    asyncio.run(story())


def test_a_reconnecting_gateway_does_not_count_while_a_cluster_is_warming(tmp_path, monkeypatch):
    """It has requested listeners, but Envoy holds back its request for clusters, too."""
    cache = Cache()

    async def story():
        async with slow_names(monkeypatch) as names, AsyncExitStack() as stack:
            process = await stack.enter_async_context(envoy(cache, tmp_path, serves=False))
            address = f"unix:{process.sockets / 'ads'}"
            server = await serve_cache(cache, address, serves_envoys=True)
            await until(cache, lambda gateways: gateways and gateways[0].started)
            for attempt in ("", "-again"):  # a new cluster, and a new version of one that Envoy uses
                cache.apply([cluster("a", attempt)])
                await wait_for(lambda: is_warming(process, "a"))
                await server.stop(0)
                await until(cache, lambda gateways: not gateways)
                server = await serve_cache(cache, address, serves_envoys=True)
                stack.push_async_callback(server.stop, 0)
                await until(cache, lambda gateways: gateways and gateways[0].started)
                assert await is_warming(process, "a")
                assert not has(cache, "a")
                names.release(f"a{attempt}.test")
                await until(cache, lambda _: has(cache, "a"))
                assert await is_warming(process)

    asyncio.run(story())


def test_trust_is_enforced_only_once_the_name_of_the_backend_is_resolved(store, anna, clock, tmp_path, monkeypatch):
    monkeypatch.setattr("services.control_plane.LISTENERS", {})  # only the clusters matter here
    name, origin = "pizza.test", "https://pizza.test"
    api = apis.create_api(context_of(store, anna, clock()), ApiDraft("Pizza", "/pizza", "1", origin))
    lifecycle.change_lifecycle(context_of(store, anna, clock()), api.id, "Publish")
    own = f"default/{api.id}/production"

    def import_certificate(alias: str) -> None:
        endpoint_certificates.import_certificate(context_of(store, anna, clock()), alias, origin, issue(name).pem)

    async def warms(process: EnvoyProcess) -> bool:
        return own in (await process.list_warming() or ())

    async def story():
        async with (
            slow_names(monkeypatch) as names,
            control_plane(store) as plane,
            envoy(plane.cache, tmp_path) as process,
        ):
            # While Envoy starts: it acknowledges, but waits for the name.
            await until(plane.cache, lambda gateways: gateways and has(plane.cache, own))
            import_certificate("a")
            await plane.published()
            await until(plane.cache, lambda _: has(plane.cache, own))
            assert await warms(process)
            assert plane.enforcement(origin).progress is Progress.WAITING
            names.release(name)
            await plane.until(origin, Progress.ENFORCED)
            assert not await warms(process)

            names.hold(name)
            import_certificate("b")
            await plane.published()
            await wait_for(lambda: warms(process))
            assert plane.enforcement(origin).progress is Progress.WAITING
            names.release(name)
            await plane.until(origin, Progress.ENFORCED)
            assert not await warms(process)

    asyncio.run(story())


def test_a_deployment_takes_effect_once_the_names_of_its_backends_are_resolved(
    store, anna, clock, tmp_path, monkeypatch
):
    (address,) = free_addresses(1)
    host, port = address.split(":")
    monkeypatch.setattr("services.control_plane.LISTENERS", {"production": [(host, int(port))]})

    def context():
        return context_of(store, anna, clock())

    def revise(url: str) -> str:
        apis.change_endpoints(context(), api.id, url, None)
        return create_revision(context(), api.id).id

    api = apis.create_api(context(), ApiDraft("Pizza", "/pizza", "1", "http://127.0.0.1:9"))
    lifecycle.change_lifecycle(context(), api.id, "Publish")

    async def story(backend: Backend):
        first, second = revise(backend.url("/one")), revise(backend.url("/two", "slow.test"))
        deploy_revision(context(), api.id, first, {DEFAULT_GROUP: True})
        async with (
            slow_names(monkeypatch) as names,
            control_plane(store) as plane,
            envoy(plane.cache, tmp_path) as process,
            httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client,
        ):
            answers = []

            async def reaches(path: str) -> bool:
                answers.append(await client.get("/pizza/1"))
                return answers[-1].status_code == 200 and answers[-1].json()["path"] == path

            await until(
                plane.cache, lambda gateways: gateways and (ROUTES, "production/pizza") in gateways[0].acknowledged
            )
            await wait_for(lambda: reaches("/one"))
            answers.clear()
            deploy_revision(context(), api.id, second, {DEFAULT_GROUP: True})
            await plane.published()
            await wait_for(lambda: is_warming(process, f"default/{api.id}/production/r2"))
            for _ in range(20):
                assert await reaches("/one"), answers[-1].text
            assert plane.cache.gateways[0].behind
            names.release("slow.test")
            await wait_for(lambda: reaches("/two"))
            assert {answer.status_code for answer in answers} == {200}
            await until(plane.cache, lambda gateways: not gateways[0].behind)

    with Backend(None) as backend:
        asyncio.run(story(backend))


def test_an_edit_of_the_url_takes_effect_once_the_new_name_is_resolved(store, anna, clock, tmp_path, monkeypatch):
    """Until then, the earlier backend gets requests with its own base path and host."""
    (address,) = free_addresses(1)
    host, port = address.split(":")
    monkeypatch.setattr("services.control_plane.LISTENERS", {"production": [(host, int(port))]})

    def context():
        return context_of(store, anna, clock())

    async def story(backend: Backend):
        api = apis.create_api(context(), ApiDraft("Pizza", "/pizza", "1", backend.url("/one")))
        lifecycle.change_lifecycle(context(), api.id, "Publish")
        async with (
            slow_names(monkeypatch) as names,
            control_plane(store) as plane,
            envoy(plane.cache, tmp_path) as process,
            httpx.AsyncClient(base_url=f"http://{address}", timeout=30) as client,
        ):
            answers = []

            async def reaches(path: str) -> bool:
                answers.append(await client.get("/pizza/1"))
                return answers[-1].status_code == 200 and answers[-1].json()["path"] == path

            await until(
                plane.cache, lambda gateways: gateways and (ROUTES, "production/pizza") in gateways[0].acknowledged
            )
            await wait_for(lambda: reaches("/one"))
            answers.clear()
            apis.change_endpoints(context(), api.id, backend.url("/two", "slow.test"), None)
            await plane.published()
            await wait_for(lambda: is_warming(process, f"default/{api.id}/production"))
            for _ in range(20):
                assert await reaches("/one"), answers[-1].text
            names.release("slow.test")
            await wait_for(lambda: reaches("/two"))
            assert {answer.status_code for answer in answers} == {200}
            await until(plane.cache, lambda gateways: not gateways[0].behind)

    with Backend(None) as backend:
        asyncio.run(story(backend))
