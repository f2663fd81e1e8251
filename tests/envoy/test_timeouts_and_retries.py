"""Timeouts, retries, suspension and limits of an endpoint, in traffic through a real gateway."""

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from backends import closed_port
from running import Holdfast, PublishedApi, refusal, wait_until
from scripted import V4, Message, ScriptedBackend, answer, dial, read_message

pytestmark = pytest.mark.envoy
EARLY = 0.01  # seconds by which Envoy's timers may fire too early
SLACK = 20.0  # seconds that a busy machine may add; the default timeouts are longer
TIMEOUT, SUSPENDED, CUT_OFF = "504 backend_timeout", "503 backend_suspended", "cut off"


@contextmanager
def publish(holdfast: Holdfast, url: str, **settings: Any) -> Iterator[PublishedApi]:
    """Publish an API whose production endpoint is at *url*, with these members of `config`."""
    api = holdfast.create_api(url)
    endpoint = {"production_endpoints": {"url": url, "config": settings}}
    holdfast.rest.put(f"/apis/{api.id}", json={"endpointConfig": endpoint}).raise_for_status()
    holdfast.change_lifecycle(api, "Publish")
    wait_until(lambda: "not_ready" not in (text := holdfast.call(f"{api.path}/ready").text) and "not_found" not in text)
    holdfast.wait_until_served(api)
    yield api
    holdfast.delete_api(api)


def measure(holdfast: Holdfast, api: PublishedApi, method: str = "GET", path: str = "/x") -> tuple[str, float]:
    """Return the outcome of a call, and how many seconds it took."""
    start = time.monotonic()
    response = holdfast.call(api.path + path, method)
    return str(response.status_code) if response.is_success else refusal(response), time.monotonic() - start


class Backend(ScriptedBackend):
    """A backend that answers `/ready`, and other requests, with *methods* and *paths*, as *then* does."""

    def __init__(self, then: Any) -> None:
        self.methods: list[str] = []
        self.paths: list[str] = []
        self.then = then
        super().__init__(self._answer)

    def _answer(self, connection: socket.socket, message: Message) -> None:
        method, path, _ = message.line.split(" ")
        if path == "/ready":
            answer()(connection, message)
        else:
            self.methods.append(method)
            self.paths.append(path)
            self.then(connection, message)


def never(connection: socket.socket, _: Message) -> None:
    """Never answer; wait for the end of the connection."""
    connection.recv(1)
    raise EOFError


def trickle(connection: socket.socket, _: Message) -> None:
    """Begin a response, and send a byte from time to time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n")
    pause = threading.Event()
    for _ in range(20):
        pause.wait(0.1)
        connection.sendall(b".")


@pytest.mark.parametrize(
    ("settings", "seconds", "requests"),
    [
        ({"responseTimeoutMs": 300}, 0.3, 1),
        ({"actionDuration": "300"}, 0.3, 1),
        ({"tryTimeoutMs": 200}, 0.4, 2),
        ({"tryTimeoutMs": 200, "retries": 2}, 0.6, 3),
        ({"tryTimeoutMs": 600, "retries": 5, "responseTimeoutMs": 1100}, 1.1, 2),
    ],
)
def test_a_silent_backend_ends_in_a_timeout(holdfast: Holdfast, settings: Any, seconds: float, requests: int):
    with Backend(never) as backend, publish(holdfast, backend.url, **settings) as api:
        outcome, took = measure(holdfast, api)
        assert outcome == TIMEOUT
        assert seconds - EARLY <= took < seconds + SLACK
        wait_until(lambda: len(backend.methods) == requests)


def test_only_the_response_timeout_ends_a_slow_stream(holdfast: Holdfast):
    with Backend(trickle) as backend:
        # A busy machine may pause for longer than the shortest of these timeouts.
        with publish(holdfast, backend.url, actionDuration=1000) as api:
            wait_until(lambda: outcome_of_stream(holdfast, api) == "200")
        with publish(holdfast, backend.url, responseTimeoutMs=500) as api:
            wait_until(lambda: outcome_of_stream(holdfast, api) == CUT_OFF)


def outcome_of_stream(holdfast: Holdfast, api: PublishedApi) -> str:
    """Return the outcome of a call whose response may end before it is complete."""
    try:
        return measure(holdfast, api)[0]
    except httpx2.RemoteProtocolError:
        return CUT_OFF


def test_connecting_has_its_own_timeout(holdfast: Holdfast):
    # The handshake is never answered.
    with contextlib.closing(socket.create_server((V4, 0))) as silent:
        url = f"https://{V4}:{silent.getsockname()[1]}"
        with publish(holdfast, url, connectTimeoutMs=300, retries=0) as api:
            for _ in range(3):  # a busy machine can be slow once
                outcome, took = measure(holdfast, api)
                assert outcome == TIMEOUT
                assert took >= 0.3 - EARLY
                if took < 4:
                    break
            assert took < 4  # without one, it is 5


@pytest.mark.parametrize(
    ("settings", "method", "requests"),
    [
        ({}, "GET", 1),
        ({"retryStatusCodes": [503]}, "GET", 2),
        ({"retryStatusCodes": [503], "retries": 3}, "PUT", 4),
        ({"retryStatusCodes": [503], "retries": 0}, "GET", 1),
        ({"retryStatusCodes": [502]}, "GET", 1),
        ({"retryStatusCodes": [503], "retries": 3}, "POST", 1),
        ({"retryStatusCodes": [503], "retries": 3, "retryAllMethods": True}, "POST", 4),
    ],
)
def test_a_status_is_retried_as_the_endpoint_says(holdfast: Holdfast, settings: Any, method: str, requests: int):
    with Backend(answer(status="503 Busy")) as backend, publish(holdfast, backend.url, **settings) as api:
        assert holdfast.call(f"{api.path}/x", method).status_code == 503
        assert backend.methods == [method] * requests


def test_without_consent_a_post_is_never_sent_twice(holdfast: Holdfast):
    settings = {"tryTimeoutMs": 200, "responseTimeoutMs": 500, "retries": 5, "retryStatusCodes": [500, 503, 504]}
    with Backend(never) as backend, publish(holdfast, backend.url, **settings) as api:
        assert measure(holdfast, api, "POST")[0] == TIMEOUT
        wait_until(lambda: backend.methods)  # a busy machine may read it later
        assert backend.methods == ["POST"]


@pytest.mark.parametrize(
    ("fail", "settings", "failure"),
    [
        (never, {"responseTimeoutMs": 200}, TIMEOUT),
        (never, {"actionDuration": 200}, TIMEOUT),
        (answer(status="503 Busy"), {"suspendStatusCodes": [502, 503]}, "503"),
    ],
)
def test_failures_in_a_row_suspend_a_backend_for_a_while(holdfast: Holdfast, fail: Any, settings: Any, failure: str):
    suspension = {"suspendDuration": 1500, "retryTimeOut": 2, "retries": 0}
    with Backend(fail) as backend, publish(holdfast, backend.url, **settings, **suspension) as api:
        for _ in range(2):
            response = holdfast.call(f"{api.path}/x")
            assert (str(response.status_code) if failure.isdigit() else refusal(response)) == failure
        calls = itertools.count(1)

        def find_suspension() -> httpx2.Response | None:
            response = holdfast.call(f"{api.path}/{next(calls)}")
            return response if "backend_suspended" in response.text else None

        suspension_response = wait_until(find_suspension)
        assert suspension_response is not None
        assert refusal(suspension_response) == SUSPENDED
        wait_until(lambda: "/x" in backend.paths)
        assert f"/{next(calls) - 1}" not in backend.paths  # unlike those before, which a busy machine may read later
        path = f"/failures/{suspension_response.json()['request_id']}"
        failure_report = wait_until(lambda: (response := holdfast.rest.get(path)).is_success and response.json())
        assert failure_report["code"] == "backend_suspended"
        backend.then = answer()
        wait_until(lambda: measure(holdfast, api)[0] == "200")


def begin(connection: socket.socket, message: Message) -> None:
    """Open a websocket, or begin a stream of events, and stay silent."""
    upgrade = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
    connection.sendall((upgrade if message.all("upgrade") else stream).encode())
    never(connection, message)


def test_a_silent_stream_counts_as_a_failure_and_a_silent_websocket_does_not(holdfast: Holdfast):
    settings = {"actionDuration": 200, "suspendDuration": 60_000, "retryTimeOut": 1, "retries": 0}
    with Backend(begin) as backend, publish(holdfast, backend.url, **settings) as api:
        url = httpx2.URL(holdfast.gateway_url)
        for _ in range(2):
            with dial((url.host, url.port or 80)) as caller:
                head = f"GET {api.path}/x HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                caller.sendall(head.encode())
                assert read_message(caller).status == 101
                assert caller.recv(1) == b""  # the idle timeout ends it
        with pytest.raises(httpx2.RemoteProtocolError):
            holdfast.call(f"{api.path}/x")
        assert len(backend.methods) == 3  # it wasn't suspended before
        wait_until(lambda: outcome_of_stream(holdfast, api) == SUSPENDED)


def test_other_responses_and_a_success_in_between_do_not_suspend(holdfast: Holdfast):
    settings = {"suspendDuration": 60_000, "retryTimeOut": 3, "suspendStatusCodes": [503]}
    with Backend(answer(status="500 Broken")) as backend, publish(holdfast, backend.url, **settings) as api:
        assert {timed_status(holdfast, api) for _ in range(8)} == {500}
        for _ in range(3):
            backend.then = answer(status="503 Busy")
            assert [timed_status(holdfast, api) for _ in range(2)] == [503] * 2
            backend.then = answer()
            assert timed_status(holdfast, api) == 200


def timed_status(holdfast: Holdfast, api: PublishedApi) -> int:
    return holdfast.call(f"{api.path}/x").status_code


def test_a_backend_that_refuses_connections_is_suspended_and_its_cause_stays(holdfast: Holdfast):
    with (
        closed_port() as closed,
        publish(holdfast, closed.replace("https:", "http:"), suspendDuration=60_000, retryTimeOut=3) as api,
    ):
        wait_until(lambda: measure(holdfast, api)[0] == SUSPENDED)
        path = f"/apis/{api.id}/failures"
        # The report of the suspension may arrive before that of its cause.
        codes = ["connection_refused"]
        wait_until(lambda: [failure["code"] for failure in holdfast.rest.get(path).json()["list"]] == codes)


def test_a_suspension_without_a_known_failure_is_a_failure(holdfast: Holdfast):
    with publish(holdfast, "http://no-such-host.invalid", suspendDuration=60_000) as api:
        assert measure(holdfast, api)[0] == SUSPENDED
        (failure,) = wait_until(lambda: holdfast.rest.get(f"/apis/{api.id}/failures").json()["list"])
        assert failure["code"] == "backend_suspended"
        assert "DNS" in failure["remedy"]


def test_an_endpoint_has_its_own_limit_of_requests(holdfast: Holdfast):
    gate = threading.Event()

    def wait(connection: socket.socket, message: Message) -> None:
        gate.wait(25)
        answer()(connection, message)

    with (
        ThreadPoolExecutor() as callers,
        Backend(wait) as backend,
        publish(holdfast, backend.url, maxRequests=2) as api,
    ):
        open_calls = [callers.submit(measure, holdfast, api) for _ in range(2)]
        wait_until(lambda: len(backend.methods) == 2)
        assert measure(holdfast, api)[0] == "503 too_many_open_requests"
        gate.set()
        assert [call.result()[0] for call in open_calls] == ["200"] * 2
