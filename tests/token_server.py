"""
A real OAuth 2.0 token endpoint (client credentials and password), and a backend that accepts only its tokens.

    with TokenServer(issue("127.0.0.1")) as tokens, protected_backend(SERVER, tokens) as url:
        ...
"""

import json
import secrets
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from issuing import Identity, server_context
from ports import free_port


class TokenServer:
    """Issues tokens for *lifetime* seconds to the client `shop` that has one of the *secrets*, and for its *users*."""

    def __init__(self, identity: Identity, port: int = 0) -> None:
        self.lifetime: float = 3600
        self.grace: float = 0  # seconds for which it accepts a token that should have expired
        self.secrets = {"s3cret & more"}
        self.users = {"till:1": "pass wörd+%26"}  # the password by user name
        self.forms: list[dict[str, list[str]]] = []  # of accepted requests
        self.headers: list[dict[str, str]] = []  # of all requests
        self.answer: tuple[int, dict[str, str], bytes] | None = None  # instead of a token
        self.times: list[float] = []  # when it issued the tokens
        self._valid: dict[str, float] = {}  # until when
        self._identity = identity
        self._server = self._listen(port or free_port())

    def __enter__(self) -> "TokenServer":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._server:
            self.stop()

    @property
    def url(self) -> str:
        """The token endpoint."""
        return f"https://127.0.0.1:{self.port}/oauth2/token"

    def stop(self) -> None:
        """Stop listening."""
        assert self._server
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def start(self) -> None:
        """Listen again, at the same port."""
        self._server = self._listen(self.port)

    def accepts(self, authorization: str | None) -> bool:
        """Return whether it has issued this token, and it is still valid."""
        return self._valid.get((authorization or "").removeprefix("Bearer "), 0) > time.monotonic()

    def revoke(self) -> None:
        """Make all tokens so far invalid."""
        self._valid = dict.fromkeys(self._valid, 0.0)

    def list_issued(self) -> list[str]:
        """Return all tokens so far."""
        return list(self._valid)

    def _listen(self, port: int) -> ThreadingHTTPServer | None:
        tokens = self

        class Exchange(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                _send(
                    self,
                    *tokens._grant(
                        {name.title(): value for name, value in self.headers.items()}, parse_qs(body.decode())
                    ),
                )

            def log_message(self, *_: Any) -> None:
                pass

        server = _serve(Exchange, self._identity, port)
        self.port = int(server.server_address[1])
        return server

    def _grant(self, headers: dict[str, str], form: dict[str, list[str]]) -> tuple[int, dict[str, str], bytes]:
        self.headers.append(headers)
        if self.answer:
            return self.answer
        client, _, secret = b64decode(headers["Authorization"].split()[1]).decode().partition(":")
        if unquote_plus(client) != "shop" or unquote_plus(secret) not in self.secrets:
            error = {"error": "invalid_client", "error_description": f"No client has the secret {secret}."}
            return 401, {}, json.dumps(error).encode()
        grant, username, password = (form.get(name, []) for name in ("grant_type", "username", "password"))
        of_users = [[["password"], [name], [word]] for name, word in self.users.items()]
        if [grant, username, password] not in [[["client_credentials"], [], []], *of_users]:
            error = {"error": "invalid_grant", "error_description": f"{username} has no password {password}."}
            return 400, {}, json.dumps(error).encode()
        self.forms.append(form)
        token = secrets.token_urlsafe()
        self.times.append(time.monotonic())
        self._valid[token] = time.monotonic() + self.lifetime + self.grace
        answer = {"access_token": token, "token_type": "bearer", "expires_in": self.lifetime}
        return 200, {}, json.dumps(answer).encode()


@contextmanager
def protected_backend(identity: Identity, tokens: TokenServer) -> Iterator[str]:
    """Run a backend that answers 401 unless a request has a valid token of *tokens*; yield its URL."""

    class Exchange(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            authorization = self.headers.get_all("Authorization") or []
            is_valid = len(authorization) == 1 and tokens.accepts(authorization[0])
            # The gateway's refusals look the same to callers.
            problem = {"code": "unauthorized", "message": str(bool(authorization)), "request_id": "none"}
            body = {"token": authorization[0].removeprefix("Bearer ")} if is_valid else problem
            _send(self, 200 if is_valid else 401, {}, json.dumps(body).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = _serve(Exchange, identity)
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _serve(exchange: type[BaseHTTPRequestHandler], identity: Identity, port: int = 0) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", port), exchange, bind_and_activate=False)
    server.allow_reuse_address = server.daemon_threads = True
    server.server_bind()
    server.server_activate()
    # The handshake takes place in the connection's own thread.
    server.socket = server_context(identity).wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


def _send(exchange: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
    exchange.send_response(status)
    for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
        exchange.send_header(name, value)
    exchange.end_headers()
    exchange.wfile.write(body)
