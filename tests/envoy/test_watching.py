"""Backends that change their certificates, seen from a real gateway."""

from collections.abc import Iterator

import pytest

from backends import Backend
from issuing import issue
from running import Holdfast, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"
WITHIN = 40.0  # seconds
OFTEN, RARELY = "1", "86400"  # seconds


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory, server_environment: dict[str, str]) -> Iterator[Holdfast]:
    environment = server_environment | {"HOLDFAST_WATCH_INTERVAL": OFTEN}
    with Holdfast(tmp_path_factory.mktemp("watching"), **environment) as running:
        yield running


def wait_for_endpoint(holdfast: Holdfast, backend: Backend, **members: object) -> dict:
    """Wait until the watched endpoint of *backend* has these members, and return it."""

    def matching():
        (endpoint,) = holdfast.rest.get("/watched-endpoints", params={"endpoint": backend.url()}).json()["list"] or [{}]
        return endpoint if members.items() <= endpoint.items() else None

    return wait_until(matching, WITHIN)


def test_a_gateway_says_whether_a_backend_that_changes_its_certificate_is_still_trusted(watching: Holdfast):
    root, old = issue(ca=True, common_name="our CA"), issue(HOST)
    with Backend(old) as backend:
        api = watching.publish_api(backend.url())
        wait_for_endpoint(watching, backend, status="not_trusted", cause="self_signed_not_trusted", decidedBy="gateway")
        alias = watching.import_certificate(backend.url(), old.pem)
        first = wait_for_endpoint(watching, backend, status="trusted", decidedBy="gateway")
        assert first["changed"] == {"any": None, "key": None, "issuer": None, "names": None}
        assert first["trustedUntil"] == old.certificate.not_valid_after_utc.isoformat()
        assert [api["id"] for api in first["apis"]] == [api.id]

        backend.present(issue(HOST, "also.test", by=root))
        endpoint = wait_for_endpoint(watching, backend, status="changed", trusted=False, decidedBy="gateway")
        assert None not in endpoint["changed"].values()
        assert endpoint["cause"] == "unknown_issuer"
        watching.replace_certificate(alias, root.pem)
        wait_for_endpoint(watching, backend, status="changed", trusted=True, decidedBy="gateway")
        history = watching.rest.get(f"/watched-endpoints/{endpoint['id']}/history").json()["list"]
        assert [entry["changes"] for entry in history] == [["key", "issuer", "names"], []]
        assert [len(entry["certificates"]) for entry in history] == [1, 1]


def test_a_backend_that_requires_a_client_certificate_is_judged_by_its_own(watching: Holdfast):
    identity, callers = issue(HOST), issue(ca=True)
    with Backend(identity, client_ca=callers) as backend:
        watching.publish_api(backend.url())
        watching.import_certificate(backend.url(), identity.pem)
        wait_for_endpoint(watching, backend, trusted=True, decidedBy="gateway")


def test_a_backend_that_ends_is_not_reachable_and_keeps_what_it_presented(watching: Holdfast):
    with Backend(issue(HOST)) as backend:
        watching.create_api(backend.url())
        chain = wait_for_endpoint(watching, backend, status="not_trusted")["presented"]

    def find_refusal():  # after a handshake that the end of the backend may have interrupted
        silent = wait_for_endpoint(watching, backend, status="unreachable")
        return silent if silent["unreachable"]["cause"] == "connection_refused" else None

    assert wait_until(find_refusal)["presented"] == chain


def test_after_a_restart_only_backends_that_are_due_are_checked(watching: Holdfast):
    with Backend(issue(HOST)) as first, Backend(issue(HOST)) as second:
        watching.create_api(first.url())
        wait_for_endpoint(watching, first, status="not_trusted")
        watching.stop()
        watching.environment["HOLDFAST_WATCH_INTERVAL"] = RARELY
        wait_until(lambda: first.open_connections == 0)
        before = first.connections
        watching.start()
        watching.create_api(second.url())
        wait_for_endpoint(watching, second, status="not_trusted")
        assert first.connections == before
