"""The traffic of an API has each request of its callers once, whatever is restarted in between."""

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from backends import V4, Backend
from holdfast.gateway.process.admin_http import ask
from issuing import Identity, issue
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)
REPORTED_WITHIN = 90.0  # seconds: flushes every 5, parts every 10


# 503 isn't among them: it's the answer until trust is in force.
WANTED = {"200": 7, "204": 2, "404": 3, "418": 1, "500": 2}


@dataclass(frozen=True, slots=True)
class CalledApi:
    """An API, its endpoint, and the fingerprint of the certificate that its backend presented last."""

    api: PublishedApi
    endpoint: str
    last: str


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend(IDENTITY) as running:
        yield running


@pytest.fixture(scope="module")
def counted_api(holdfast: Holdfast) -> Iterator[CalledApi]:
    """An API whose backend answered with WANTED."""
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        for status, count in WANTED.items():
            for _ in range(count):
                assert holdfast.call(f"{api.path}/status/{status}").status_code == int(status)
        assert holdfast.call(api.path, sandbox=True).status_code == 404  # no API there
        yield CalledApi(api, backend.url(), _fingerprint(IDENTITY))


@pytest.fixture(scope="module")
def failing_api(holdfast: Holdfast) -> Iterator[CalledApi]:
    """An API whose backend isn't trusted, called four times."""
    with Backend(IDENTITY) as backend:
        api = holdfast.publish_api(backend.url())
        for _ in range(4):
            assert holdfast.call(f"{api.path}/x").status_code == 503
        yield CalledApi(api, backend.url(), "")


@pytest.fixture(scope="module")
def renewed_api(holdfast: Holdfast) -> Iterator[CalledApi]:
    """An API whose backend presented eight certificates, one for each connection."""
    root = issue(ca=True)
    certificates = [issue(V4, by=root) for _ in range(8)]
    with Backend(certificates[0]) as backend:
        api = holdfast.publish_trusted_api(backend.url(), root.pem)
        for certificate in certificates:
            backend.present(certificate)
            backend.hang_up()
            assert holdfast.call(f"{api.path}/x").status_code == 200
        yield CalledApi(api, backend.url(), _fingerprint(certificates[-1]))


@pytest.fixture(scope="module", autouse=True)
def _all_called(counted_api: CalledApi, failing_api: CalledApi, renewed_api: CalledApi) -> None:
    """Call all before the first test, so that the others don't wait for another report."""


def test_every_request_is_counted_by_its_status(holdfast: Holdfast, counted_api: CalledApi) -> None:
    wait_until(lambda: _statuses(holdfast, counted_api.api, WANTED) == WANTED, REPORTED_WITHIN)
    traffic = _traffic(holdfast, counted_api.api)
    (share,) = traffic["backends"]
    assert (share["environment"], share["endpoint"]) == ("production", counted_api.endpoint)
    assert share["lastCertificate"] == counted_api.last
    assert share["total"]["tlsVersions"]["TLSv1.3"] == sum(WANTED.values())
    assert traffic["total"]["latency"]["p99"] > 0
    assert traffic["total"]["bytesSent"] > traffic["total"]["bytesReceived"] > 0
    whole = holdfast.rest.get("/traffic", params={"range": "1h"}).json()
    assert whole["total"]["statuses"]["418"] >= 1


def test_failures_are_counted_by_cause(holdfast: Holdfast, failing_api: CalledApi) -> None:
    def agrees() -> bool:
        traffic = _traffic(holdfast, failing_api.api)
        return traffic["total"]["failed"] >= 4 and traffic["total"]["failed"] == sum(
            cause["requests"] for cause in traffic["causes"]
        )

    wait_until(agrees, REPORTED_WITHIN)
    traffic = _traffic(holdfast, failing_api.api)
    assert list(traffic["total"]["statuses"]) == ["503"]
    codes = {cause["code"] for cause in traffic["causes"]}
    assert codes - {"backend_not_ready"} == {"self_signed_not_trusted"}  # calls while the API was being published
    assert traffic["backends"][0]["lastCertificate"] is None


def test_a_backend_with_a_new_certificate_for_each_connection_adds_no_statistics(
    holdfast: Holdfast, renewed_api: CalledApi
) -> None:
    def is_last_reported() -> bool:
        # After many requests of other tests, the gateway reports only a sample for some seconds.
        assert holdfast.call(f"{renewed_api.api.path}/x").status_code == 200
        backends = _traffic(holdfast, renewed_api.api)["backends"]
        return renewed_api.last in [entry["lastCertificate"] for entry in backends]

    wait_until(is_last_reported, REPORTED_WITHIN)
    names = ask(holdfast.sockets / "admin", f"/stats?filter=^traffic\\.sampled.*{renewed_api.api.id}").splitlines()
    assert len(names) <= 2, names  # with TLS, and without, from before the backend was trusted


@pytest.mark.long
def test_each_request_counts_once_across_restarts(
    tmp_path: Path, backend: Backend, server_environment: dict[str, str]
) -> None:
    with Holdfast(tmp_path, **server_environment) as own:
        api = own.publish_trusted_api(backend.url(), IDENTITY.pem)
        count = _call(own, api, 5)
        wait_until(lambda: _statuses(own, api)["200"] == count, REPORTED_WITHIN)
        own.kill_envoy()
        wait_until(lambda: _serves(own, api))
        count += 1 + _call(own, api, 2)  # the first one was the check
        own.kill_agent()  # before it has reported them
        count += _call(own, api, 4)
        wait_until(own.has_agent)
        count += _call(own, api, 3)
        wait_until(lambda: _statuses(own, api)["200"] >= count, REPORTED_WITHIN)
        assert _statuses(own, api)["200"] == count


def _call(holdfast: Holdfast, api: PublishedApi, times: int) -> int:
    for _ in range(times):
        assert holdfast.call(f"{api.path}/x").status_code == 200
    return times


def _serves(holdfast: Holdfast, api: PublishedApi) -> bool:
    try:
        return holdfast.call(f"{api.path}/x").status_code == 200
    except httpx2.TransportError:
        return False


def _fingerprint(identity: Identity) -> str:
    return hashlib.sha256(identity.der).hexdigest()


def _traffic(holdfast: Holdfast, api: PublishedApi) -> dict[str, Any]:
    return holdfast.rest.get(f"/apis/{api.id}/traffic", params={"range": "1h"}).raise_for_status().json()


def _statuses(holdfast: Holdfast, api: PublishedApi, statuses: Collection[str] = ("200",)) -> dict[str, int]:
    counts = _traffic(holdfast, api)["total"]["statuses"]
    return {status: counts.get(status, 0) for status in statuses}
