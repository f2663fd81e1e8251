"""The traffic of an API has each request of its callers once, whatever is restarted in between."""

import hashlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from backends import V4, Backend
from holdfast.gateway.process.admin_http import ask
from issuing import issue
from running import Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
PRESENTED = issue(V4)
REPORTED_WITHIN = 90.0  # seconds: flushes every 5, parts every 10


@pytest.fixture
def backend() -> Iterator[Backend]:
    with Backend(PRESENTED) as running:
        yield running


def test_every_request_is_counted_by_its_status(holdfast: Holdfast, backend: Backend) -> None:
    api = holdfast.publish_trusted_api(backend.url(), PRESENTED.pem)
    wanted = {"200": 7, "204": 2, "404": 3, "418": 1, "500": 2}  # without 503, the answer until trust is in force
    for status, count in wanted.items():
        for _ in range(count):
            assert holdfast.call(f"{api.path}/status/{status}").status_code == int(status)
    assert holdfast.call(api.path, sandbox=True).status_code == 404  # no API there
    wait_until(lambda: _statuses(holdfast, api, wanted) == wanted, REPORTED_WITHIN)
    traffic = _traffic(holdfast, api)
    (share,) = traffic["backends"]
    assert (share["environment"], share["endpoint"]) == ("production", backend.url())
    assert share["lastCertificate"] == hashlib.sha256(PRESENTED.der).hexdigest()
    assert share["total"]["tlsVersions"]["TLSv1.3"] == sum(wanted.values())
    assert traffic["total"]["latency"]["p99"] > 0
    assert traffic["total"]["bytesSent"] > traffic["total"]["bytesReceived"] > 0
    whole = holdfast.rest.get("/traffic", params={"range": "1h"}).json()
    assert whole["total"]["statuses"]["418"] >= 1


def test_failures_are_counted_by_cause(holdfast: Holdfast, backend: Backend) -> None:
    api = holdfast.publish_api(backend.url())
    for _ in range(4):
        assert holdfast.call(f"{api.path}/x").status_code == 503

    def agrees() -> bool:
        traffic = _traffic(holdfast, api)
        return traffic["total"]["failed"] >= 4 and traffic["total"]["failed"] == sum(
            cause["requests"] for cause in traffic["causes"]
        )

    wait_until(agrees, REPORTED_WITHIN)
    traffic = _traffic(holdfast, api)
    assert list(traffic["total"]["statuses"]) == ["503"]
    codes = {cause["code"] for cause in traffic["causes"]}
    assert codes - {"backend_not_ready"} == {"self_signed_not_trusted"}  # calls while the API was being published
    assert traffic["backends"][0]["lastCertificate"] is None


def test_a_backend_with_a_new_certificate_for_each_connection_adds_no_statistics(
    holdfast: Holdfast, backend: Backend
) -> None:
    root = issue(ca=True)
    certificates = [issue(V4, by=root) for _ in range(8)]
    backend.present(certificates[0])
    api = holdfast.publish_trusted_api(backend.url(), root.pem)
    for certificate in certificates:
        backend.present(certificate)
        backend.hang_up()
        assert holdfast.call(f"{api.path}/x").status_code == 200
    last = hashlib.sha256(certificates[-1].der).hexdigest()
    wait_until(
        lambda: last in [each["lastCertificate"] for each in _traffic(holdfast, api)["backends"]], REPORTED_WITHIN
    )
    names = ask(holdfast.sockets / "admin", f"/stats?filter=^traffic\\.sampled.*{api.id}").splitlines()
    assert len(names) <= 2, names  # with TLS, and without, from before the backend was trusted


@pytest.mark.long
def test_each_request_counts_once_across_restarts(
    tmp_path: Path, backend: Backend, server_environment: dict[str, str]
) -> None:
    with Holdfast(tmp_path, **server_environment) as own:
        api = own.publish_trusted_api(backend.url(), PRESENTED.pem)
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


def _traffic(holdfast: Holdfast, api: PublishedApi) -> dict[str, Any]:
    return holdfast.rest.get(f"/apis/{api.id}/traffic", params={"range": "1h"}).raise_for_status().json()


def _statuses(holdfast: Holdfast, api: PublishedApi, wanted: Collection[str] = ("200",)) -> dict[str, int]:
    counted = _traffic(holdfast, api)["total"]["statuses"]
    return {status: counted.get(status, 0) for status in wanted}
