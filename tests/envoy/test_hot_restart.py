"""Envoy is replaced by hot restart: nothing fails, and an Envoy that doesn't become ready changes nothing."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from envoy.config.route.v3.scoped_route_pb2 import ScopedRouteConfiguration

from backends import V4, Backend
from gateway.edge import serve_cache
from holdfast.certificates.certificate import read_certificate
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.discovery.subscription import MAX_RESPONSE_BYTES
from holdfast.gateway.process import envoy
from holdfast.gateway.process.binary import find_envoy
from holdfast.gateway.process.directory import gateway_directory
from holdfast.gateway.process.envoy import EnvoyProcess, ReplacementFailed
from holdfast.gateway.process.record import read_record
from holdfast.gateway.resources.cluster_names import name_cluster
from holdfast.gateway.resources.clusters import build_clusters
from holdfast.gateway.resources.listeners import build_listener
from holdfast.gateway.resources.resource import CLUSTER, ROUTES, make_resource
from holdfast.gateway.resources.routes import build_scoped_routes, find_scope, pack_routes
from holdfast.gateway.resources.tls import build_trust_secret
from holdfast.server.clock import utc_now
from issuing import Identity, issue
from load import Load
from ports import free_addresses
from running import is_running
from store.values import make_api
from trusting import trust_set

pytestmark = [pytest.mark.envoy, pytest.mark.long]
IDENTITY = issue(V4)
DRAINS_SHORT, DRAINS_LONG = 5, 80  # seconds; callers on a busy machine need some to notice that they have to reconnect
OTHERS = ("/a", "/b", "/c")  # scopes


class Gateway:
    """An Envoy with one API, without a publisher, as callers see it and as its supervisor does."""

    def __init__(self, directory: Path, backend: Backend) -> None:
        self._directory, self.backend = directory, backend
        self._port = int(free_addresses(1)[0].rpartition(":")[2])
        api = make_api(context="/pizza", production=backend.url())
        endpoint = api.endpoints[0]
        name = name_cluster(api.organization, api.id, "production")
        routes = build_scoped_routes("production", find_scope(api), pack_routes(api, "production"))
        self.path, self.cache, self._endpoint, self._name = api.path, Cache(), endpoint, name
        self.trust(IDENTITY)
        # Before its own routes, those of many APIs, which are larger than one message usually is.
        resources = [build_scoped_routes("production", scope, pack_routes(api, "production") * 600) for scope in OTHERS]
        assert min(len(resource.body) for resource in resources) > MAX_RESPONSE_BYTES / 2
        self.cache.apply([build_listener("production", [(V4, self._port)]), *resources, routes])

    def trust(self, identity: Identity) -> None:
        """Trust only this certificate."""
        trust = trust_set([read_certificate(identity.der)], self._endpoint.origin.reference)
        self.cache.apply([build_trust_secret(trust), *build_clusters(self._name, self._endpoint, trust)])

    def envoys_with_this_trust(self) -> int:
        """Count the Envoys that use the current cluster."""
        cluster = self.cache.get(CLUSTER, self._name)
        return sum(envoy.has((CLUSTER, self._name), cluster.version) for envoy in self.cache.gateways)

    @property
    def gateway_url(self) -> str:
        """Where it serves."""
        return f"http://{V4}:{self._port}"

    @asynccontextmanager
    async def supervise(self, binary: Path | None = None, drain: float = DRAINS_LONG) -> AsyncIterator[EnvoyProcess]:
        """Start its Envoy, and supervise it until the block ends; a predecessor has *drain* seconds for requests."""
        with gateway_directory(self._directory / "gateway") as own:
            log = self._directory / "envoy.log"
            process = EnvoyProcess((lambda: binary) if binary else find_envoy, "edge", own, log, 1000, utc_now, drain)
            await self.serve(process)
            try:
                await process.start()
                keeping = asyncio.create_task(process.keep())
                try:
                    await self.until_it_serves(60)
                    yield process
                finally:
                    keeping.cancel()
            finally:
                await process.stop()
                await self.server.stop(0)

    async def serve(self, process: EnvoyProcess) -> None:
        """Serve its configuration."""
        self.server = await serve_cache(self.cache, f"unix:{process.sockets / 'ads'}", serves_envoys=True)

    async def until_it_serves(self, within: float) -> None:
        """Call over new connections until one call succeeds."""
        async with asyncio.timeout(within), httpx2.AsyncClient(trust_env=False) as client:
            while not await self._serves(client):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.01)

    async def _serves(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get(self.gateway_url + self.path)).status_code == 200
        except httpx2.TransportError:
            return False


def shared_memory(base_id: int) -> list[Path]:
    return list(Path("/dev/shm").glob(f"*_{base_id}0"))  # noqa: S108


def run(tmp_path: Path, story: Callable[[Gateway], Awaitable[None]]) -> None:
    with Backend(IDENTITY) as backend:
        asyncio.run(story(Gateway(tmp_path, backend)))  # type: ignore[arg-type]


def test_no_request_fails_while_envoy_is_replaced_again_and_again(tmp_path: Path):
    async def story(gateway: Gateway) -> None:
        async with gateway.supervise(drain=DRAINS_SHORT) as process:
            first = process.pid
            with Load(gateway, gateway.path, reconnects=True) as load:
                for _ in range(2):
                    await process.replace()
                    await asyncio.to_thread(load.go_on, 50)
            assert set(load.answers) == {"200"}
            assert process.pid != first
            assert process.restarts == 0
            assert not is_running(first)  # the third wasn't started before
            record = read_record(tmp_path / "gateway" / "envoy.json")
            assert (record.pid, record.restart_epoch) == (process.pid, 2)
            assert await process.list_warming() == set()  # the admin interface is the new one's
            assert shared_memory(record.base_id)
        assert not shared_memory(record.base_id)

    run(tmp_path, story)


def test_an_envoy_that_rejects_the_routes_of_one_scope_serves_all_others(tmp_path: Path):
    async def story(gateway: Gateway) -> None:
        scope = ScopedRouteConfiguration(name="bad")
        scope.route_configuration.virtual_hosts.add(name="same", domains=["*"])
        scope.route_configuration.virtual_hosts.add(name="same", domains=["a.example"])
        gateway.cache.apply([make_resource(ROUTES, "bad", scope)])
        async with gateway.supervise():
            (envoy,) = gateway.cache.gateways
            async with asyncio.timeout(40):
                while envoy.behind:  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.01)
            assert envoy.rejected.keys() == {(ROUTES, "bad")}
            assert all(
                envoy.has((ROUTES, name), resource.version)
                for name, resource in gateway.cache.get_resources(ROUTES).items()
                if name != "bad"
            )

    run(tmp_path, story)


def test_a_request_in_flight_finishes_at_the_old_one_which_still_applies_changes(tmp_path: Path):
    async def story(gateway: Gateway) -> None:
        async with gateway.supervise() as process, httpx2.AsyncClient(trust_env=False, timeout=20) as client:
            first = process.pid
            url = f"{gateway.gateway_url}{gateway.path}/stream"
            async with client.stream("GET", url) as answer:
                lines = answer.aiter_lines()
                assert await anext(lines) == "begun"
                await process.replace()
                assert is_running(first)
                gateway.trust(issue(V4))
                async with asyncio.timeout(40):
                    while gateway.envoys_with_this_trust() < 2:  # noqa: ASYNC110 - these are other processes
                        await asyncio.sleep(0.01)
                assert is_running(first)
                gateway.backend.let_on()
                assert [line async for line in lines] == ["finished"]

    run(tmp_path, story)


def test_an_envoy_that_is_killed_while_its_predecessor_drains_is_restarted_at_once(tmp_path: Path):
    async def story(gateway: Gateway) -> None:
        async with gateway.supervise() as process:
            first = process.pid
            await process.replace()
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            await gateway.until_it_serves(DRAINS_LONG / 2)
            assert process.restarts == 1
            assert is_running(first)

    run(tmp_path, story)


def test_a_successor_that_does_not_become_ready_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    binary = tmp_path / "envoy"
    binary.symlink_to(find_envoy())

    async def story(gateway: Gateway) -> None:
        async with gateway.supervise(binary) as process:
            first = process.pid
            with Load(gateway, gateway.path) as load:
                binary.unlink()
                with pytest.raises(FileNotFoundError):
                    await process.replace()
                binary.write_text("#!/bin/sh\nexit 1\n")
                binary.chmod(0o700)
                with pytest.raises(ReplacementFailed, match=r"ended during its start\. .*envoy\.log has the reason"):
                    await process.replace()
                binary.unlink()
                binary.symlink_to(find_envoy())
                monkeypatch.setattr(envoy, "READY_WITHIN", 0.3)
                await gateway.server.stop(0)  # the new one waits for its configuration
                with pytest.raises(ReplacementFailed, match="wasn't ready after"):
                    await process.replace()
                monkeypatch.undo()
                await gateway.serve(process)
                await asyncio.to_thread(load.go_on)
                assert process.pid == first
                assert not (tmp_path / "gateway" / "envoy-next.json").exists()
                await process.replace()  # another attempt succeeds
                assert process.pid != first
                await asyncio.to_thread(load.go_on)
            assert set(load.answers) == {"200"}

    run(tmp_path, story)
