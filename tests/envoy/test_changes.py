"""Requests while trust, endpoints and APIs change."""

from collections import Counter

import pytest

from backends import Backend, http2_backend, websocket_backend
from issuing import Identity, issue
from load import WEBSOCKET, Load
from running import Holdfast, PublishedApi, refusal, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"
UPGRADE = 426  # what a server of websockets answers to other requests


def test_a_rotation_under_load_fails_no_request(holdfast: Holdfast):
    old, changes = issue(HOST), 0
    with Backend(old) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), old.pem)
        with Load(holdfast, api.path) as load:
            for _ in range(10):
                new = issue(HOST)
                holdfast.replace_certificate(alias, old.pem + new.pem)
                load.go_on()
                backend.present(new)
                load.go_on()
                holdfast.replace_certificate(alias, new.pem)
                load.go_on()
                old, changes = new, changes + 2
        assert changes >= 20
        assert set(load.answers) == {"200"}, load.answers
        assert backend.connections > changes // 2, "old connections were still used"


def test_a_rotation_by_two_aliases_under_load_fails_no_request(holdfast: Holdfast):
    old, new = issue(HOST), issue(HOST)
    with Backend(old) as backend:
        api = holdfast.publish_api(backend.url())
        of_old = holdfast.import_certificate(backend.url(), old.pem)
        with Load(holdfast, api.path) as load:
            holdfast.import_certificate(backend.url(), new.pem)
            backend.present(new)
            load.go_on()
            holdfast.delete_certificate(of_old)
            load.go_on(200)
        assert set(load.answers) == {"200"}, load.answers


def test_a_replacement_that_does_not_cover_the_backend_stops_busy_connections(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), identity.pem)
        with Load(holdfast, api.path) as load:
            holdfast.replace_certificate(alias, issue(HOST).pem)
            load.go_on()  # what was in flight is through now
            load.answers = Counter()
            load.go_on(100)
            assert set(load.answers) == {"503 backend_not_trusted"}


def test_deletion_stops_connections_that_are_busy(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as backend:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), identity.pem)
        with Load(holdfast, api.path) as load:
            assert set(load.answers) == {"200"}
            holdfast.delete_certificate(alias)
            wait_until(lambda: load.answers["503 backend_not_trusted"])
            load.go_on()
            load.answers = Counter()
            load.go_on(100)
            assert set(load.answers) == {"503 backend_not_trusted"}


def test_an_endpoint_is_changed_under_load_without_a_failed_request(holdfast: Holdfast):
    identity = issue(HOST)
    with Backend(identity) as one, Backend(identity) as two:
        api, stand_in = holdfast.publish_api(one.url()), holdfast.publish_api(two.url())
        for backend in (one, two):
            holdfast.import_certificate(backend.url(), identity.pem)
        with Load(holdfast, api.path) as load:
            for backend in (two, one) * 3:
                count = backend.requests
                holdfast.change_endpoints(api, backend.url())
                wait_until(lambda backend=backend, count=count: backend.requests > count + 10)
        assert set(load.answers) == {"200"}, load.answers
        assert holdfast.call(stand_in.path).status_code == 200


@pytest.mark.parametrize("identity", [issue(HOST), None], ids=["https", "http"])
def test_a_protocol_is_changed_under_load_without_a_failed_request_or_websocket(
    holdfast: Holdfast, identity: Identity | None
):
    def publish(url: str) -> PublishedApi:
        return holdfast.publish_trusted_api(url, identity.pem) if identity else holdfast.publish_api(url)

    def choose(api: PublishedApi, url: str, protocol: str) -> None:
        endpoint = {"production_endpoints": {"url": url, "config": {"protocol": protocol}}}
        holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": endpoint}).raise_for_status()

    # The other backend takes websockets only over HTTP/1.1, as most do.
    with http2_backend(identity) as url, websocket_backend(identity) as other_url:
        api, other = publish(url), publish(other_url)
        with (
            Load(holdfast, api.path) as requests,
            Load(holdfast, other.path, headers=WEBSOCKET) as websockets,
        ):
            for protocol, version, is_served in [("http2", "2", False), ("http1", "1.1", True)] * 3:
                choose(api, url, protocol)
                choose(other, other_url, protocol)
                wait_until(lambda version=version: holdfast.call(api.path).json()["http"] == version)
                wait_until(lambda is_served=is_served: (holdfast.call(other.path).status_code == UPGRADE) is is_served)
                for load in (requests, websockets):
                    load.go_on()
        assert (set(requests.answers), set(websockets.answers)) == ({"200"}, {"101"}), websockets.answers


@pytest.mark.parametrize("change", ["replaced", "deleted", "API deleted"])
def test_a_request_in_flight_is_answered_to_its_end(holdfast: Holdfast, change: str):
    identity = issue(HOST)
    with Backend(identity) as backend, holdfast.caller() as client:
        api = holdfast.publish_api(backend.url())
        alias = holdfast.import_certificate(backend.url(), identity.pem)
        with client.stream("GET", f"{api.path}/stream") as answer:
            lines = answer.iter_lines()
            assert next(lines) == "begun"
            match change:
                case "replaced":
                    holdfast.replace_certificate(alias, issue(HOST).pem)
                case "deleted":
                    holdfast.delete_certificate(alias)
                case _:
                    holdfast.delete_api(api)
            wait_until(lambda: not holdfast.call(api.path).is_success)
            backend.let_on()
            assert list(lines) == ["finished"]


def test_only_what_is_published_or_deprecated_is_served(holdfast: Holdfast):
    with Backend(None) as backend:
        api = holdfast.create_api(backend.url())
        assert refusal(holdfast.call(api.path)) == "404 not_found"
        for action, status in [
            ("Publish", 200),
            ("Demote to Created", 404),
            ("Publish", 200),
            ("Block", 503),
            ("Re-Publish", 200),
            ("Block", 503),
            ("Deprecate", 200),
            ("Retire", 404),
        ]:
            holdfast.change_lifecycle(api, action)
            wait_until(lambda status=status: holdfast.call(api.path).status_code == status)
            if action == "Block":
                assert refusal(holdfast.call(api.path)) == refusal(holdfast.call(f"{api.path}/x")) == "503 api_blocked"
        assert refusal(holdfast.call(api.path)) == "404 not_found"


def test_a_deleted_api_is_gone_and_its_context_is_free(holdfast: Holdfast):
    with Backend(None) as one, Backend(None) as two:
        api = holdfast.publish_api(one.url("/one"))
        assert holdfast.call(api.path).json()["path"] == "/one"
        holdfast.delete_api(api)
        wait_until(lambda: holdfast.call(api.path).status_code == 404)
        again = holdfast.create_api(two.url("/two"), name=api.name)
        holdfast.change_lifecycle(again, "Publish")
        wait_until(lambda: holdfast.answers(again))
        assert holdfast.call(api.path).json()["path"] == "/two"
