"""Limits of the gateway per backend, lowered so that a test can reach them."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from backends import websocket_backend
from issuing import issue
from misbehaving import misbehaving_backend
from running import Holdfast, PublishedApi, refusal, wait_until

pytestmark = pytest.mark.envoy
IDENTITY = issue("127.0.0.1")
TOO_MANY = "503 too_many_open_requests"
LIMITS = {
    "HOLDFAST_BACKEND_REQUESTS": "2",
    "HOLDFAST_BACKEND_WEBSOCKETS": "1",
    "HOLDFAST_HEADER_FIELDS": "30",
    "HOLDFAST_HEADER_KIB": "2",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    """A Holdfast whose limits are LIMITS."""
    with Holdfast(tmp_path_factory.mktemp("strict"), **LIMITS) as running:
        yield running


def open_request(holdfast: Holdfast, api: PublishedApi) -> socket.socket:
    """Send a request that the backend of *api* doesn't answer; it ends with the connection."""
    url = httpx2.URL(holdfast.gateway_url)
    connection = socket.create_connection((url.host, url.port or 80))
    connection.sendall(f"GET {api.path}/silent HTTP/1.1\r\nhost: a\r\n\r\n".encode())
    return connection


def became(holdfast: Holdfast, api: PublishedApi) -> str:
    answer = holdfast.call(f"{api.path}/good")
    return "200" if answer.is_success else refusal(answer)


@pytest.mark.parametrize(("tls", "http2"), [(False, False), (True, False), (True, True)], ids=["http", "https", "h2"])
def test_a_request_beyond_the_limit_of_a_backend_is_rejected(strict: Holdfast, tls: bool, http2: bool):
    with misbehaving_backend(IDENTITY if tls else None, http2=http2) as url:
        api = strict.publish_trusted_api(url, IDENTITY.pem) if tls else strict.publish_api(url)
        with ExitStack() as stack:
            stack.enter_context(open_request(strict, api))
            assert {became(strict, api) for _ in range(5)} == {"200"}
            # One may overtake another, and take the place that was meant for that.
            wait_until(lambda: stack.enter_context(open_request(strict, api)) and became(strict, api) == TOO_MANY)
            request_id = strict.call(f"{api.path}/good").json()["request_id"]
            failure = wait_until(
                lambda: (response := strict.rest.get(f"/failures/{request_id}")).is_success and response.json()
            )
        assert (failure["code"], failure["flags"]) == ("too_many_open_requests", ["UO"])
        assert failure["message"].endswith(
            "Limits, unless the endpoint has its own: open requests 2, connections 1,024, "
            "requests waiting for a connection 1,024, websockets 1."
        )
        assert {"HOLDFAST_BACKEND_REQUESTS", "HOLDFAST_BACKEND_CONNECTIONS"} <= set(
            failure["remedy"].rstrip(".").split()
        )
        wait_until(lambda: became(strict, api) == "200")


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_websockets_have_a_separate_limit(strict: Holdfast, tls: bool):
    with websocket_backend(IDENTITY if tls else None) as url:
        api = strict.publish_trusted_api(url, IDENTITY.pem) if tls else strict.publish_api(url)
        target = f"{strict.gateway_url}{api.path}/chat".replace("http:", "ws:")
        with connect(target, open_timeout=30) as chat:
            chat.send("hello")
            assert chat.recv(timeout=20) == "/chat hello"
            with pytest.raises(InvalidStatus) as error:
                connect(target, open_timeout=30)
            assert json.loads(error.value.response.body)["code"] == "too_many_open_requests"
            # The backend supports only websockets, and answers ordinary requests with 426 itself.
            with strict.caller() as client:
                assert {client.get(api.path).status_code for _ in range(4)} == {426}


def test_the_limits_of_headers_can_be_set(strict: Holdfast):
    with misbehaving_backend() as url:
        api = strict.publish_api(url)
        assert refusal(strict.call(f"{api.path}/100-kb-header")) == "502 backend_response_invalid"
        assert refusal(strict.call(f"{api.path}/900-fields")) == "502 backend_response_invalid"
        body = strict.rest.post("/apis/validate-endpoint", params={"endpointUrl": f"{url}/900-fields"}).json()
        assert body["statusCode"] == 0  # a check has the limits of traffic
        large = strict.call(f"{api.path}/good", headers={"x-large": "x" * 3000})
        assert refusal(large) == "431 request_headers_too_large"
        request_id = large.json()["request_id"]
        failure = wait_until(
            lambda: (response := strict.rest.get(f"/failures/{request_id}")).is_success and response.json()
        )
        assert failure["message"].endswith("The gateway allows 30 fields and 2 KiB.")
