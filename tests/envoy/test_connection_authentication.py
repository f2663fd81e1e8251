"""Connection-bound authentication (NTLM, Negotiate) never reaches another caller."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx2
import pytest

from backends import V4, Backend
from issuing import issue, server_context
from running import NO_TLS, Holdfast, PublishedApi, refusal, wait_until

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)
CHALLENGE = ["NTLM", "Negotiate"]


class AuthenticatingBackend(ThreadingHTTPServer):
    """A TLS server with keep-alive that takes a connection's first credentials for those of all requests on it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__((V4, 0), _Exchange)
        self.socket = server_context(IDENTITY).wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.challenges = CHALLENGE
        self.field = "www-authenticate"

    @property
    def url(self) -> str:
        return f"https://{V4}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing."""


class _Exchange(BaseHTTPRequestHandler):
    server: AuthenticatingBackend
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    user = ""  # of the connection, which this object is for

    def do_GET(self) -> None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() in {"ntlm", "negotiate"}:
            self.user = token
        body = json.dumps({"user": self.user}).encode()
        self.send_response(200 if self.user else 401)
        for challenge in [] if self.user else self.server.challenges:
            self.send_header(self.server.field, challenge)
        self.send_header("persistent-auth", "true")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base gives
        """Log nothing."""


@contextmanager
def authenticating_backend() -> Iterator[AuthenticatingBackend]:
    with AuthenticatingBackend() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def backend() -> Iterator[AuthenticatingBackend]:
    with authenticating_backend() as running:
        yield running


@pytest.fixture(scope="module")
def shared_api(holdfast: Holdfast, backend: AuthenticatingBackend) -> PublishedApi:
    return holdfast.publish_trusted_api(backend.url, IDENTITY.pem)


def set_connection(holdfast: Holdfast, api: PublishedApi, url: str, **settings: Any) -> None:
    endpoints = {"production_endpoints": {"url": url, "config": settings}}
    answer = holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": endpoints})
    assert answer.status_code == 200, answer.text


def caller(holdfast: Holdfast) -> httpx2.Client:
    """A caller with its own connection."""
    limits = httpx2.Limits(max_connections=1, keepalive_expiry=None)
    return httpx2.Client(base_url=holdfast.gateway_url, verify=NO_TLS, limits=limits, timeout=30)


def test_no_caller_receives_another_callers_answers(holdfast: Holdfast, shared_api: PublishedApi):
    def call(number: int) -> list[int]:
        with caller(holdfast) as client:
            headers = {"authorization": f"{CHALLENGE[number % 4 // 2]} alice"} if number % 2 == 0 else {}
            return [client.get(shared_api.path, headers=headers).status_code for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        assert {status for statuses in pool.map(call, range(20)) for status in statuses} == {401}


@pytest.mark.parametrize(
    ("challenges", "arrives"),
    [
        (["NTLM"], []),
        (["Negotiate"], []),
        (["negotiate  oYG2==", "nTlM TlRMTVNTUAAC"], []),
        (["Kerberos", "CredSSP", "Nego2"], []),
        (["Negotiate, NTLM"], []),
        (["NTLM", 'Basic realm="a, NTLM, \\"b"'], ['Basic realm="a, NTLM, \\"b"']),
        (['Negotiate, Basic realm="r", charset="UTF-8",NTLM'], ['Basic realm="r", charset="UTF-8"']),
        (
            ['Digest realm="x", qop="auth", nonce="NTLM", Negotiate abc=, Bearer'],
            ['Digest realm="x", qop="auth", nonce="NTLM", Bearer'],
        ),
        (['Digest realm="NTLM, Negotiate", NTLM = "x"'], ['Digest realm="NTLM, Negotiate", NTLM = "x"']),
        (['Basic realm="never closed, NTLM'], ["Basic realm=never closed"]),
        (["Bearer", 'Basic realm="r"'], ["Bearer", 'Basic realm="r"']),
        ([",, NTLM ,"], []),
    ],
)
@pytest.mark.parametrize("field", ["www-authenticate", "proxy-authenticate"])
def test_only_challenges_that_bind_connections_are_removed(
    holdfast: Holdfast,
    backend: AuthenticatingBackend,
    shared_api: PublishedApi,
    field: str,
    challenges: list[str],
    arrives: list[str],
):
    backend.challenges, backend.field = challenges, field
    answer = holdfast.call(shared_api.path)
    assert answer.status_code == 401
    assert answer.headers.get_list(field) == arrives
    assert ("persistent-auth" in answer.headers) == (challenges == arrives)


@pytest.mark.parametrize(
    ("credentials", "arrives"),
    [
        (["NTLM TlRMTVNTUAAD"], None),
        (["negotiate"], None),
        (["Negotiate\tYII="], None),
        (["Basic eDp5", "NTLM x"], "Basic eDp5"),
        (["Basic eDp5"], "Basic eDp5"),
        (["Bearer kerberos.ntlm.negotiate"], "Bearer kerberos.ntlm.negotiate"),
        (['Digest username="NTLM, x", uri="/"'], 'Digest username="NTLM, x", uri="/"'),
    ],
)
def test_only_credentials_that_bind_connections_are_removed(
    holdfast: Holdfast, credentials: list[str], arrives: str | None
):
    with Backend(None) as echoing:
        api = holdfast.publish_api(echoing.url())
        for field in ("authorization", "proxy-authorization"):
            headers = [(field, value) for value in credentials]
            arrived_headers = holdfast.call(api.path, headers=headers).json()["headers"]
            assert arrived_headers.get(field) == arrives


def test_operators_see_which_authentication_the_backend_requires(
    holdfast: Holdfast, backend: AuthenticatingBackend, shared_api: PublishedApi
):
    backend.challenges, backend.field = CHALLENGE, "www-authenticate"
    request_id = holdfast.call(shared_api.path).headers.get("x-request-id", "")
    (failure,) = wait_until(lambda: holdfast.rest.get(f"/apis/{shared_api.id}/failures").json()["list"])
    assert failure["code"] == "connection_authentication"
    assert "one connection per caller" in failure["remedy"]
    assert request_id == ""  # callers learn nothing


def test_with_one_connection_per_caller_callers_are_never_mixed_up(holdfast: Holdfast, backend: AuthenticatingBackend):
    backend.challenges, backend.field = CHALLENGE, "www-authenticate"
    api = holdfast.publish_trusted_api(backend.url, IDENTITY.pem)
    set_connection(holdfast, api, backend.url, connectionPerCaller=True)
    wait_until(lambda: holdfast.call(api.path).headers.get_list("www-authenticate") == CHALLENGE)

    def call(number: int) -> tuple[str, set[tuple[int, str]]]:
        name = f"user{number}" if number % 2 else ""
        with caller(holdfast) as client:
            if name:
                client.get(api.path, headers={"authorization": f"NTLM {name}"})
            answers = [client.get(api.path) for _ in range(10)]
        return name, {(answer.status_code, answer.json()["user"]) for answer in answers}

    with ThreadPoolExecutor(8) as pool:
        for name, users in pool.map(call, range(20)):
            assert users == {(200 if name else 401, name)}


def test_with_one_connection_per_caller_a_websocket_uses_the_authenticated_connection(
    holdfast: Holdfast, backend: AuthenticatingBackend
):
    backend.challenges, backend.field = CHALLENGE, "www-authenticate"
    api = holdfast.publish_trusted_api(backend.url, IDENTITY.pem)
    set_connection(holdfast, api, backend.url, connectionPerCaller=True)
    wait_until(lambda: holdfast.call(api.path).headers.get_list("www-authenticate") == CHALLENGE)
    upgrade = {"connection": "upgrade", "upgrade": "websocket"}
    with caller(holdfast) as client:
        assert client.get(api.path, headers={"authorization": "NTLM anna"}).status_code == 200
        # The backend has no websockets, but it knows the user, and doesn't answer 401.
        assert refusal(client.get(api.path, headers=upgrade)) == "502 not_a_websocket"
    with caller(holdfast) as client:
        assert client.get(api.path, headers=upgrade).status_code == 401
