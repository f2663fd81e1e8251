"""Failing backends are examined from the gateway that reported the failure."""

import asyncio

import pytest

from backends import Backend
from following import GATEWAY, PATIENCE, following
from holdfast.gateway.discovery.cache import Cache
from holdfast.gateway.failures.access_log import FailedRequest
from holdfast.gateway.failures.evidence import Evidence
from holdfast.server.clock import utc_now
from holdfast.services.failures.failure_probes import AGAIN_AFTER, FailureProbes
from holdfast.services.failures.failures import Failures
from holdfast.services.probing.probes import Probes
from issuing import issue
from services.control_plane import SEALING, advance, play
from store.values import read

PRESENTED = issue("localhost")


def report(failures, api, gateway):
    failures.record(
        FailedRequest(
            gateway=gateway,
            cluster=f"{api.organization}/{api.id}/production",
            upstream="127.0.0.1:443",
            evidence=Evidence(reason="depth_0:_self_signed_certificate"),
            request_id="r1",
            at=utc_now(),
        )
    )


async def until_probe(failures, api, gateway):
    """Wait until the failure at *gateway* has a test, and return it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            (latest,) = failures.list_of_api(api).values()
            probes = {failure.latest.gateway: failure.latest.probe for failure in latest}
            if probes[gateway]:
                return probes
            await asyncio.sleep(0.005)


def test_a_backend_that_waits_for_its_test_keeps_its_turn(store, anna, publish, tmp_path):
    async def story():
        failures = Failures(lambda: None, utc_now)
        async with following(Cache(), tmp_path) as control:
            probes = Probes(control, "local", now=utc_now, resolver=lambda _: [])
            examination = FailureProbes(store, SEALING, probes, failures, utc_now)
            report(failures, first, GATEWAY)
            report(failures, second, GATEWAY)
            advance(AGAIN_AFTER)
            report(failures, first, GATEWAY)
            following_failures = asyncio.create_task(examination.follow())
            # This gateway has no Envoy, so it isn't asked about the second one at once.
            assert (await until_probe(failures, first, GATEWAY))[GATEWAY]
            following_failures.cancel()

    with Backend(PRESENTED) as backend:
        first, second = (publish(anna, name, f"https://localhost:{backend.port}") for name in ("Pizza", "Pasta"))
        play(story())


@pytest.mark.long
def test_a_failing_backend_is_examined_from_where_it_failed(store, anna, publish, tmp_path):
    async def story():
        failures = Failures(lambda: None, utc_now)
        async with following(Cache(), tmp_path) as control:
            probes = Probes(control, "local", now=utc_now, resolver=lambda _: [])
            examination = FailureProbes(store, SEALING, probes, failures, utc_now)
            following_failures = asyncio.create_task(examination.follow())
            report(failures, first, "local")
            report(failures, first, GATEWAY)
            report(failures, second, GATEWAY)
            tests = await until_probe(failures, first, GATEWAY)
            # "local" isn't connected, and nothing else is asked in its place.
            assert tests["local"] is None
            (certificate,) = tests[GATEWAY].presented
            assert certificate.fingerprint == read(PRESENTED).fingerprint
            advance(AGAIN_AFTER)
            report(failures, first, GATEWAY)
            failures.forget(first.organization, first.id, utc_now())  # a change is in force before the test
            report(failures, second, GATEWAY)
            assert (await until_probe(failures, second, GATEWAY))[GATEWAY]
            following_failures.cancel()
            # This gateway has no Envoy, so it wasn't asked about the next failure at once.
            assert backend.connections == 2

    with Backend(PRESENTED) as backend:
        first, second = (publish(anna, name, f"https://localhost:{backend.port}") for name in ("Pizza", "Pasta"))
        play(story())
