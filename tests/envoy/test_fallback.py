"""With automatic protocol, a backend that negotiates HTTP/2 but then rejects it is called over HTTP/1.1."""

import contextlib
import math
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import h2.config
import h2.events
import pytest
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes

from backends import V4, ListeningBackend
from cli.commanding import Command
from issuing import issue, server_context
from running import Holdfast, wait_until

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class RejectingBackend(ListeningBackend):
    """A TLS server that offers HTTP/2 and rejects each request over it, and answers 200 over HTTP/1.1."""

    def __init__(self, rejection: str) -> None:
        super().__init__(server_context(IDENTITY, ["h2", "http/1.1"]))
        self._rejection = rejection
        self.rejections = math.inf  # how many there will be
        self.is_mended = False

    def _listen(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        with connection, contextlib.suppress(OSError), self._context.wrap_socket(connection, server_side=True) as tls:
            if tls.selected_alpn_protocol() == "h2":
                self._reject(tls)
            else:
                while tls.recv(65536):
                    tls.sendall(OK)

    def _reject(self, tls: ssl.SSLSocket) -> None:
        h2c = H2Connection(h2.config.H2Configuration(client_side=False, validate_outbound_headers=False))
        h2c.initiate_connection()
        tls.sendall(h2c.data_to_send())
        while data := tls.recv(65536):
            for event in h2c.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    self._answer(h2c, event.stream_id)
            tls.sendall(h2c.data_to_send())
            if h2c.state_machine.state is ConnectionState.CLOSED:
                return

    def _answer(self, h2c: Any, stream: int) -> None:
        self.rejections -= 1
        if self.is_mended or self.rejections < 0:
            h2c.send_headers(stream, [(":status", "201")], end_stream=True)
        elif self._rejection == "reset":
            h2c.reset_stream(stream, ErrorCodes.HTTP_1_1_REQUIRED)
        elif self._rejection == "goaway":
            h2c.close_connection(ErrorCodes.HTTP_1_1_REQUIRED)
        else:
            h2c.send_headers(stream, [(":status", "200"), ("connection", "close")], end_stream=True)


def set_protocol(holdfast: Holdfast, api: str, url: str, protocol: str) -> None:
    endpoints = {"production_endpoints": {"url": url, "config": {"protocol": protocol}}}
    assert holdfast.rest.put(f"/apis/{api}", json={"endpointConfig": endpoints}).status_code == 200


def assert_fallback_is_told(holdfast: Holdfast, api: str, home: Path) -> None:
    """Check that REST and the command line show since when, even after a client sends back what it got."""
    response = holdfast.rest.get(f"/apis/{api}")
    since = datetime.fromisoformat(response.json()["endpointConfig"]["production_endpoints"]["http1FallbackSince"])
    assert abs(datetime.now(UTC) - since) < timedelta(minutes=5)
    put = holdfast.rest.put(f"/apis/{api}", json=response.json() | {"description": "new"})
    assert put.json()["endpointConfig"] == response.json()["endpointConfig"]
    environment = {"HOLDFAST_URL": holdfast.publisher_url, "HOLDFAST_USER": "admin"}
    command = Command(home, HOLDFAST_PASSWORD=holdfast.admin_password, **environment)
    output = " ".join(command.run("api", "show", api).output.split())
    assert f"uses HTTP/1.1 since {since:%Y-%m-%d %H:%M} UTC, because the backend rejected HTTP/2" in output


@pytest.mark.parametrize("rejection", ["reset", "goaway", "malformed"])
def test_traffic_falls_back_to_http1_and_a_check_answers_at_once(holdfast: Holdfast, rejection: str):
    with RejectingBackend(rejection) as backend:
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        wait_until(lambda: holdfast.call(api.path).status_code == 200)
        assert {holdfast.call(api.path, method).status_code for method in ("GET", "POST") for _ in range(5)} == {200}
        response = holdfast.rest.post("/apis/validate-endpoint", params={"endpointUrl": backend.url()})
        assert response.json()["statusCode"] == 200


def test_a_backend_that_fails_once_over_http2_is_not_taken_for_one_that_rejects_it(holdfast: Holdfast):
    with RejectingBackend("reset") as backend:
        backend.rejections = 0
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        backend.rejections = 1
        response = holdfast.rest.post("/apis/validate-endpoint", params={"endpointUrl": backend.url()})
        assert response.json()["statusCode"] == 201
        endpoint = holdfast.rest.get(f"/apis/{api.id}").json()["endpointConfig"]["production_endpoints"]
        assert "http1FallbackSince" not in endpoint


def test_a_check_of_a_saved_endpoint_is_enough_and_choosing_a_protocol_tries_http2_again(
    holdfast: Holdfast, tmp_path: Path
):
    with RejectingBackend("reset") as backend:
        api = holdfast.publish_trusted_api(backend.url(), IDENTITY.pem)
        response = holdfast.rest.post("/apis/validate-endpoint", params={"endpointUrl": backend.url()})
        assert response.json()["statusCode"] == 200
        wait_until(lambda: holdfast.call(api.path).status_code == 200)
        assert_fallback_is_told(holdfast, api.id, tmp_path)
        backend.is_mended = True
        assert holdfast.call(api.path).status_code == 200
        for protocol in ("http2", "auto"):
            set_protocol(holdfast, api.id, backend.url(), protocol)
            wait_until(lambda: holdfast.call(api.path).status_code == 201)
        after = holdfast.rest.get(f"/apis/{api.id}").json()
        assert "http1FallbackSince" not in after["endpointConfig"]["production_endpoints"]
