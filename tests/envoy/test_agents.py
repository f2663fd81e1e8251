"""An agent with a real Envoy, which the control plane reaches only through streams: probes and reports."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster

from backends import V4, Backend
from following import GATEWAY, PATIENCE, until_connected
from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.certificates.certificate import read_certificate
from holdfast.gateway.agent.agent import run_agent
from holdfast.gateway.agent.control_plane import LocalControlPlane
from holdfast.gateway.agent.envoy_stats import read_envoy, read_traffic
from holdfast.gateway.agent.last_known_good import LastKnownState
from holdfast.gateway.control import client
from holdfast.gateway.control.service import Control
from holdfast.gateway.discovery.ads import DiscoveryService, serve
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.peer import Peer
from holdfast.gateway.probing.connection import NoAnswer, ProbeRejected
from holdfast.gateway.probing.resources import build_probe, make_name
from holdfast.gateway.process.binary import find_envoy
from holdfast.gateway.process.directory import gateway_directory
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.gateway.process.record import read_record
from holdfast.gateway.resources.resource import CLUSTER, SECRET, make_resource
from holdfast.server.clock import utc_now
from issuing import issue
from running import Holdfast
from trusting import trust_set

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)


@asynccontextmanager
async def gateway(directory):
    """Run a control plane without a database, and a gateway; yield the control streams, and the cache."""
    cache, control = Cache(), Control(lambda _: Peer(GATEWAY), utc_now)
    discovery = DiscoveryService(lambda _: Peer(GATEWAY), lambda _: cache, utc_now)
    address = f"unix:{directory / 'discovery'}"
    server = await serve(address, discovery.register, control.register)
    with gateway_directory(directory / "gateway") as own:
        process = EnvoyProcess(find_envoy, GATEWAY, own, directory / "envoy.log", 100, utc_now)
        try:
            control_plane = LocalControlPlane(address)
            async with run_agent(GATEWAY, own.path, process, control_plane, utc_now, lambda _: None):
                await until_connected(control)
                async with asyncio.timeout(PATIENCE):
                    while not (cache.gateways and cache.gateways[0].started):  # noqa: ASYNC110 - it is another process
                        await asyncio.sleep(0.01)
                yield control, cache
        finally:
            await process.stop()
            await server.stop(0)


def probe_of(backend, *identities):
    endpoint = parse_endpoint(backend.url())
    anchors = [read_certificate(identity.der) for identity in identities]
    return build_probe(make_name(), endpoint, trust_set(anchors, endpoint.origin.reference), [V4])


async def ask(control, probe, seconds=0.1):
    async with asyncio.timeout(PATIENCE), control.connect(GATEWAY, probe) as connection:
        return connection.answer, connection.answer.connected and await connection.ends_within(seconds)


def test_a_gateway_reports_its_versions_and_restarts_of_its_envoy(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "EVERY", 0.05)

    async def story():
        async with gateway(tmp_path) as (control, _):

            async def until(condition):
                async with asyncio.timeout(PATIENCE):
                    while not ((report := control.states.find(GATEWAY).report) and condition(report)):  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                return report

            report = await until(lambda report: report.envoy_version and report.stale_since is None)
            assert report.envoy_version == "1.40.0"
            assert (report.envoy_restarts, report.envoy_ended_at, report.problems) == (0, None, ())
            assert abs(control.states.find(GATEWAY).clock_offset) < timedelta(seconds=PATIENCE)
            assert abs(report.envoy_started_at - utc_now()) < timedelta(minutes=1)
            envoy = read_record(tmp_path / "gateway" / "envoy.json")
            os.kill(envoy.pid, signal.SIGKILL)
            report = await until(lambda report: report.envoy_restarts)
            assert abs(report.envoy_ended_at - utc_now()) < timedelta(seconds=PATIENCE)
            report = await until(lambda report: report.envoy_version)

    asyncio.run(story())


def test_a_cluster_is_not_in_force_before_its_secret_arrives(tmp_path):
    """Envoy acknowledges the cluster at once if the agent says that there is no secret, and answers 503."""

    async def story():
        with Backend(IDENTITY) as backend:
            probe = probe_of(backend, IDENTITY)
        secrets = [resource for resource in probe.resources if resource.type_url == SECRET]
        (cluster,) = (resource for resource in probe.resources if resource.type_url == CLUSTER)
        later = make_resource(CLUSTER, "later", Cluster(name="later"))
        async with gateway(tmp_path) as (_, cache):
            (agent,) = cache.gateways

            async def until(condition):
                async with asyncio.timeout(PATIENCE):
                    while not condition():  # noqa: ASYNC110 - it is another process
                        await asyncio.sleep(0.01)

            cache.apply([cluster])
            await until(lambda: (CLUSTER, cluster.name) in agent.unanswered)
            cache.apply([later])  # Envoy acknowledges it after the other one
            await until(lambda: agent.has((CLUSTER, later.name), later.version))
            assert not agent.has((CLUSTER, cluster.name), cluster.version)
            cache.apply(secrets)
            await until(lambda: agent.has((CLUSTER, cluster.name), cluster.version))

    asyncio.run(story())


def test_the_traffic_of_a_gateway_is_counted_by_environment(holdfast: Holdfast):
    (admin,) = Path(holdfast.data.parent).glob("holdfast-*/admin")
    before = {traffic.environment: traffic for traffic in read_traffic(admin)}
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_api(backend.url())
        for _ in range(3):
            assert holdfast.call(api.path).status_code == 503  # its certificate isn't trusted
    holdfast.call("/nothing-is-here")
    after = {traffic.environment: traffic for traffic in read_traffic(admin)}
    assert after["production"].failures - before["production"].failures >= 3
    assert after["production"].requests - before["production"].requests >= 4
    assert set(after) == {"production", "sandbox"}


def test_an_envoy_that_does_not_answer_has_neither_version_nor_traffic(tmp_path):
    assert read_envoy(tmp_path / "admin", utc_now()) is None
    assert read_traffic(tmp_path / "admin") == ()


def test_a_gateway_elsewhere_verifies_backends_and_keeps_nothing_of_it(tmp_path):
    other = issue(V4)

    async def story():
        async with gateway(tmp_path) as (control, cache):
            with Backend(IDENTITY) as backend:
                good = probe_of(backend, IDENTITY)
                answer, has_ended = await ask(control, good)
                assert (answer.connected, answer.address, has_ended) == (True, f"{V4}:{backend.port}", False)
                assert answer.fingerprint == read_certificate(IDENTITY.der).fingerprint
                answer, _ = await ask(control, probe_of(backend, other))
                assert (answer.connected, answer.flags) == (False, "UF")
                assert "CERTIFICATE_VERIFY_FAILED" in answer.reason
                probe_with_damage = probe_of(backend, IDENTITY)
                object.__setattr__(probe_with_damage.cluster, "body", probe_with_damage.cluster.body[:20])
                with pytest.raises((ProbeRejected, NoAnswer)):
                    await ask(control, probe_with_damage)
                answer = await control.send_head(GATEWAY, probe_of(backend, IDENTITY), "/base")
                assert answer.status == 200
            assert [cache.get_resources(kind) for kind in (CLUSTER, SECRET)] == [{}, {}]
            assert not cache.gateways[0].acknowledged

    asyncio.run(story())
    content = LastKnownState(tmp_path / "gateway", utc_now).read()
    assert content
    assert content.resources == []
