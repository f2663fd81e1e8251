"""Backends that use something other than HTTP/1.1 over TLS."""

import json
from contextlib import ExitStack

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from backends import V4, Backend, http2_backend, websocket_backend
from issuing import issue
from running import Holdfast, refusal, wait_until
from scripted import ScriptedBackend, answer

pytestmark = pytest.mark.envoy
NOT_TRUSTED = "503 backend_not_trusted"
IDENTITY = issue(V4)


def test_an_http2_backend_is_spoken_to_in_http2(holdfast: Holdfast):
    with http2_backend(IDENTITY) as url:
        api = holdfast.publish_api(f"{url}/base")
        assert refusal(holdfast.call(api.path)) == NOT_TRUSTED
        alias = holdfast.import_certificate(url, IDENTITY.pem)
        request = holdfast.call(f"{api.path}/x?q=1", "POST", content=b"body").json()
        assert (request["http"], request["path"], request["bytes"]) == ("2", "/base/x?q=1", 4)
        holdfast.delete_certificate(alias)
        wait_until(lambda: not holdfast.call(api.path).is_success)
        assert [refusal(holdfast.call(api.path)) for _ in range(5)] == [NOT_TRUSTED] * 5


def test_a_websocket_is_opened_only_to_a_backend_that_is_trusted(holdfast: Holdfast):
    with websocket_backend(IDENTITY) as url:
        api = holdfast.publish_api(f"{url}/base")
        target = f"{holdfast.gateway_url}{api.path}/chat?room=1".replace("http:", "ws:")
        with pytest.raises(InvalidStatus) as error:
            connect(target, open_timeout=30)
        assert error.value.response.status_code == 503
        assert json.loads(error.value.response.body)["code"] == "backend_not_trusted"

        holdfast.import_certificate(url, IDENTITY.pem)
        with connect(target, open_timeout=30) as socket:
            socket.send("hello")
            assert socket.recv(timeout=20) == "/base/chat?room=1 hello"


@pytest.mark.parametrize("protocol", ["auto", "http1", "http2"])
def test_websockets_use_http_1_while_requests_use_http_2(holdfast: Holdfast, protocol: str):
    with http2_backend(IDENTITY) as url, ExitStack() as stack:
        api = holdfast.publish_trusted_api(url, IDENTITY.pem)
        endpoint = {"production_endpoints": {"url": url, "config": {"protocol": protocol}}}
        holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": endpoint}).raise_for_status()
        expected = "1.1" if protocol == "http1" else "2"
        wait_until(lambda: (response := holdfast.call(api.path)).is_success and response.json()["http"] == expected)
        target = f"{holdfast.gateway_url}{api.path}".replace("http:", "ws:")

        def answer_on(socket: ClientConnection) -> str:
            socket.send("hello")
            return str(socket.recv(timeout=20))

        # Until the routes have changed, too, a websocket of this backend may use HTTP/2.
        wait_until(lambda: answer_on(stack.enter_context(connect(target, open_timeout=30))) == "1.1 hello")
        with connect(target, open_timeout=30) as first, connect(target, open_timeout=30) as second:
            assert [answer_on(first), answer_on(second)] == ["1.1 hello"] * 2
            assert holdfast.call(api.path).json()["http"] == expected


@pytest.mark.parametrize("protocol", ["auto", "http2"])
def test_after_trust_is_removed_no_websocket_is_opened(holdfast: Holdfast, protocol: str):
    with http2_backend(IDENTITY) as url:
        api = holdfast.publish_api(url)
        endpoint = {"production_endpoints": {"url": url, "config": {"protocol": protocol}}}
        holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": endpoint}).raise_for_status()
        alias = holdfast.import_certificate(url, IDENTITY.pem)
        target = f"{holdfast.gateway_url}{api.path}".replace("http:", "ws:")
        with connect(target, open_timeout=30) as open_before:
            holdfast.delete_certificate(alias)
            wait_until(lambda: not holdfast.call(api.path).is_success)
            for _ in range(5):
                with pytest.raises(InvalidStatus) as error:
                    connect(target, open_timeout=30)
                assert json.loads(error.value.response.body)["code"] == "backend_not_trusted"
            open_before.send("in progress")
            assert open_before.recv(timeout=20) == "1.1 in progress"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("200 OK", "502 not_a_websocket"),
        ("204 No Content", "502 not_a_websocket"),
        ("302 Found", "302 not_a_websocket"),
        ("426 Upgrade Required", "426"),
    ],
)
def test_the_response_of_a_backend_instead_of_a_websocket_is_reported(holdfast: Holdfast, status: str, expected: str):
    with ScriptedBackend(answer("Location: /base/sign-in", status=status, body=b"")) as backend:
        api = holdfast.publish_api(f"{backend.url}/base")
        response = holdfast.call(f"{api.path}/chat", headers={"Connection": "Upgrade", "Upgrade": "websocket"})
    assert response.headers["location"] == f"{api.path}/sign-in"
    if not response.content:
        assert str(response.status_code) == expected
        return
    assert refusal(response) == expected
    path = f"/failures/{response.json()['request_id']}"
    failure = wait_until(lambda: (report := holdfast.rest.get(path)).is_success and report.json())
    assert (failure["code"], failure["apiId"]) == ("not_a_websocket", api.id)


def test_an_http_endpoint_is_reached_without_a_certificate_and_takes_none(holdfast: Holdfast):
    with Backend(None) as backend:
        api = holdfast.publish_api(backend.url())
        assert holdfast.call(api.path).status_code == 200
        form = {"alias": "needless", "endpoint": backend.url()}
        answer = holdfast.rest.post("/endpoint-certificates", data=form, files={"certificate": IDENTITY.pem})
        assert (answer.status_code, answer.json()["error"][0]["code"]) == (400, "endpoint")
