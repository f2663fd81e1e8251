"""Agents at a discovery port: memberships, renewals, and what they do once they are rejected."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from gateway.discovery_port import (
    Port,
    connect,
    run,
)
from gateway.edge import PATIENCE, Edge
from holdfast.certificates.gateway_certificates import (
    CERTIFICATE_LASTS,
)
from holdfast.gateway.agent import control_plane
from holdfast.gateway.agent import upstream as upstream_module
from holdfast.gateway.agent.channels import open_local_channel, open_remote_channel
from holdfast.gateway.agent.control_plane import RemoteControlPlane
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
from holdfast.gateway.agent.upstream import PASSES_WITHIN, Upstream
from holdfast.gateway.control.client import ControlClient
from holdfast.gateway.control.probes import EnvoyProbes
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.remote.admission import NOT_ACCEPTED
from holdfast.gateway.remote.renewal import RenewalFailed, request_renewal
from holdfast.gateway.resources.resource import CLUSTER
from holdfast.server.clock import utc_now
from running import wait_until


def test_a_certificate_is_renewed_over_the_connection_that_it_protects():
    async def story(port: Port) -> None:
        membership, fingerprint = port.enroll("eu-1")
        request = make_request()
        async with open_remote_channel(membership) as channel:
            new_membership = membership.renew(request.key, await request_renewal(channel, request.csr))
            with pytest.raises(RenewalFailed, match="Wait a minute") as error:
                await request_renewal(channel, "again")
            assert not error.value.is_final
            with pytest.raises(RenewalFailed, match="too long"):
                await request_renewal(channel, "x" * 20_000)
            port.accepted_certificates.reject(fingerprint)
            with pytest.raises(RenewalFailed) as refusal:
                await request_renewal(channel, request.csr)
            assert (str(refusal.value), refusal.value.is_final) == (NOT_ACCEPTED, True)
        assert port.renewals == [fingerprint] * 2
        async with connect(new_membership) as edge:
            assert await edge.take() == {"orders": "1"}

    run(story)


@pytest.mark.long
def test_an_agent_that_is_rejected_keeps_asking_and_leaves_nothing_behind():
    async def story(port: Port) -> None:
        membership, fingerprint = port.enroll("eu-1")
        cache = Cache()
        cache.connect("envoy", utc_now())[0].started = True
        in_force = EnvoyProgress(cache, OpenListeners(cache))
        upstream = Upstream(cache, "eu-1", utc_now, in_force, Expiries(cache, utc_now))
        control = ControlClient(EnvoyProbes(cache, Path("nowhere")))
        async with open_remote_channel(membership) as channel, asyncio.TaskGroup() as tasks:
            following = [tasks.create_task(work) for work in (upstream.follow(channel), control.keep(channel))]
            await asyncio.to_thread(wait_until, lambda: cache.get(CLUSTER, "orders"))
            port.accepted_certificates.reject(fingerprint)
            await asyncio.to_thread(wait_until, lambda: upstream.stale_since)
            before = port.accepted_certificates.authorizations
            await asyncio.to_thread(wait_until, lambda: port.accepted_certificates.authorizations > before + 4)
            for task in following:
                task.cancel()

    run(story)


def test_a_publisher_that_cannot_be_reached_is_logged_only_after_a_few_seconds(tmp_path: Path, monkeypatch):
    logs, now, count = LogCapture(), utc_now(), 0
    monkeypatch.setattr(
        upstream_module, "log", structlog.wrap_logger(None, [logs], structlog.make_filtering_bound_logger(0))
    )

    def tell_time():
        nonlocal count
        count += 1
        return now

    async def story() -> None:
        nonlocal now
        cache = Cache()
        cache.connect("envoy", utc_now())[0].started = True
        in_force = EnvoyProgress(cache, OpenListeners(cache))
        upstream = Upstream(cache, "eu-1", tell_time, in_force, Expiries(cache, utc_now))
        async with open_local_channel(f"unix:{tmp_path / 'ads'}") as channel:
            following = asyncio.create_task(upstream.follow(channel))
            before = count
            await asyncio.to_thread(wait_until, lambda: count > before + 1)
            assert logs.entries == []
            now += PASSES_WITHIN
            await asyncio.to_thread(wait_until, lambda: logs.entries)
            following.cancel()
        (entry,) = logs.entries
        assert entry["event"] == "can't reach the control plane"
        assert entry["why"].startswith("No publisher is running with this data directory.")

    asyncio.run(story())


@pytest.mark.parametrize("loses", [False, True], ids=["connected", "loses its control plane while it stores it"])
def test_an_agent_renews_its_certificate_after_two_thirds_and_connects_with_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loses: bool
):
    async def story(port: Port) -> None:
        membership, fingerprint = port.enroll("eu-1")
        write_membership(tmp_path, membership)
        now = [utc_now() + CERTIFICATE_LASTS * 0.61]
        publisher = RemoteControlPlane(tmp_path, membership, lambda: now[0])
        async with await publisher.connect() as channel:
            waiting = asyncio.create_task(publisher.wait_until_outdated(channel))
            done_tasks, _ = await asyncio.wait((waiting,), timeout=0.05)
            assert not done_tasks
            waiting.cancel()
            now[0] += CERTIFICATE_LASTS * 0.06
            loop, is_lost = asyncio.get_running_loop(), threading.Event()
            loop.set_default_executor(ThreadPoolExecutor(1))

            def store(directory: Path, membership: Membership) -> None:
                if loses:
                    loop.call_soon_threadsafe(publisher.lose)
                    assert is_lost.wait(PATIENCE)
                write_membership(directory, membership)

            monkeypatch.setattr(control_plane, "write_membership", store)
            async with asyncio.timeout(PATIENCE):
                await publisher.wait_until_outdated(channel)
                is_lost.set()
                await asyncio.to_thread(bool)  # the only thread has stored it then
        new_membership = read_membership(tmp_path)
        assert new_membership is not None
        assert new_membership.credential.key != membership.credential.key
        port.accepted_certificates.reject(fingerprint)
        async with await publisher.connect() as channel:
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
        end = utc_now() + CERTIFICATE_LASTS
        async with await RemoteControlPlane(tmp_path, membership, lambda: end).connect():
            pass

    run(story)
    entry = logs.entries[0]
    assert entry["event"] == (
        "the gateway's certificate has expired; create a token with `holdfast gateway enroll` and join again"
    )


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"discovery": ["x", 1], "credential": {}}'])
def test_a_damaged_membership_is_reported(tmp_path: Path, content: str):
    assert read_membership(tmp_path) is None
    (tmp_path / MEMBERSHIP_FILE).write_text(content)
    with pytest.raises(UnusableMembership, match=r"membership\.json is damaged\. Join again with a new token"):
        read_membership(tmp_path)
