"""Endpoints of other kinds than a plain https URL: wss URLs, URLs with a query, and SOAP."""

import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from backends import V4, Backend, websocket_backend
from issuing import issue
from running import Holdfast, refusal, wait_until
from scripted import ScriptedBackend, answer

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)


def test_a_wss_url_is_trusted_like_https(holdfast: Holdfast):
    with websocket_backend(IDENTITY) as https:
        url = https.replace("https:", "wss:")
        api = holdfast.publish_api(f"{url}/base")
        target = f"{holdfast.gateway_url}{api.path}/chat?room=1".replace("http:", "ws:")
        with pytest.raises(InvalidStatus) as error:
            connect(target, open_timeout=30)
        assert json.loads(error.value.response.body)["code"] == "backend_not_trusted"
        alias = holdfast.import_certificate(f"{https}/other", IDENTITY.pem)
        with connect(target, open_timeout=30) as websocket:
            websocket.send("hello")
            assert websocket.recv(timeout=20) == "/base/chat?room=1 hello"
        body = holdfast.rest.get(f"/endpoint-certificates/{alias}/usage").json()
        assert body["count"] == 1


def test_a_websocket_api_as_wso2_describes_it_is_served(holdfast: Holdfast):
    with websocket_backend(None) as url:
        api = holdfast.create_api(url)
        endpoint = {"url": url.replace("http:", "ws:"), "config": {"actionDuration": "3000"}}
        config = {"endpoint_type": "ws", "production_endpoints": endpoint}
        change = {"type": "WS", "transport": ["ws", "wss"], "endpointConfig": config}
        holdfast.rest.put(f"/apis/{api.id}", json=change).raise_for_status()
        holdfast.change_lifecycle(api, "Publish")
        wait_until(lambda: holdfast.answers(api))
        with connect(f"{holdfast.gateway_url}{api.path}".replace("http:", "ws:"), open_timeout=30) as websocket:
            websocket.send("hello")
            assert websocket.recv(timeout=20) == "/ hello"
            with pytest.raises(ConnectionClosed):
                websocket.recv(timeout=20)  # ends, because neither side sends anything
        plain = holdfast.call(api.path)
        assert refusal(plain) == "400 websocket_required"
        path = f"/failures/{plain.headers['x-request-id']}"
        wait_until(lambda: holdfast.rest.get(path).json().get("code") == "websocket_required")
        assert holdfast.rest.get("/failures", params={"apiId": api.id}).json()["list"] == []


@pytest.mark.parametrize(
    ("target", "received"),
    [
        ("", "/base?key=se%20cret&v=1"),
        ("/x", "/base/x?key=se%20cret&v=1"),
        ("/x?", "/base/x?key=se%20cret&v=1"),
        ("/x?b=2&a=%2F&b=1&c&d=?", "/base/x?key=se%20cret&v=1&b=2&a=%2F&b=1&c&d=?"),
        ("/x?key=mine&a=1&k%65y=mine&v", "/base/x?key=se%20cret&v=1&a=1"),
    ],
)
def test_the_query_of_an_endpoint_is_added_and_cannot_be_overridden(
    api_with_query: tuple[Holdfast, str], target: str, received: str
):
    holdfast, path = api_with_query
    assert holdfast.call(path + target).json()["path"] == received


@pytest.fixture(scope="module")
def api_with_query(holdfast: Holdfast) -> Iterator[tuple[Holdfast, str]]:
    """A Holdfast and the path of an API whose endpoint has a query."""
    with Backend(None) as backend:
        api = holdfast.publish_api(f"{backend.url('/base')}?key=se%20cret&v=1")
        yield holdfast, api.path
        text = holdfast.rest.get("/audit-events", params={"limit": 100}).text
        assert "key=***" in text
        assert "20cret" not in text
        assert all("20cret" not in line for line in map(str, holdfast.log_lines()))


def test_a_websocket_gets_the_query_of_its_endpoint(holdfast: Holdfast):
    with websocket_backend(None) as url:
        api = holdfast.publish_api(f"{url.replace('http:', 'ws:')}/feed?token=1")
        with connect(f"{holdfast.gateway_url}{api.path}?a=b".replace("http:", "ws:"), open_timeout=30) as websocket:
            websocket.send("hello")
            assert websocket.recv(timeout=20) == "/feed?token=1&a=b hello"


def test_a_check_asks_for_the_whole_url(holdfast: Holdfast):
    with ScriptedBackend(answer(body=b"")) as backend:
        response = holdfast.rest.post("/apis/validate-endpoint", params={"endpointUrl": f"{backend.url}/base/?key=1"})
        assert response.json()["statusCode"] == 200
        assert backend.requests[0].line == "HEAD /base/?key=1 HTTP/1.1"


def test_a_soap_action_passes_unchanged(holdfast: Holdfast):
    with ScriptedBackend(answer()) as backend:
        api = holdfast.create_api(backend.url)
        config = {"endpoint_type": "address", "production_endpoints": {"url": backend.url}}
        holdfast.rest.put(f"/apis/{api.id}", json={"type": "SOAP", "endpointConfig": config}).raise_for_status()
        holdfast.change_lifecycle(api, "Publish")
        wait_until(lambda: holdfast.answers(api))
        fields = {"SOAPAction": '"urn:Order#Place"', "Content-Type": "text/xml; charset=utf-8"}
        assert holdfast.call(api.path, "POST", headers=fields, content=b"<Envelope/>").is_success
        received = backend.requests[-1]
        assert (received.all("soapaction"), received.all("content-type")) == (
            ['"urn:Order#Place"'],
            ["text/xml; charset=utf-8"],
        )
