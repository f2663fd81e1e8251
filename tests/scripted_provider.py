"""
An identity provider with scripted responses over real HTTP, to act like a dishonest or broken one.
"""

import hmac
import json
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "holdfast", "between the two"


def new_key(kid: str = "one") -> ECKey:
    """Make a key that signs ID tokens."""
    return ECKey.generate_key("P-256", {"kid": kid})


def sign(claims: Mapping[str, Any], key: ECKey) -> str:
    """Return a correct token with *claims*."""
    return jwt.encode({"alg": "ES256", "kid": key.kid}, dict(claims), key)


def forge(claims: Mapping[str, Any], alg: str, secret: bytes) -> str:
    """Return a token with *claims* that anyone with *secret* can create, signed with *alg*: none or HS256."""
    body = ".".join(_encode(part) for part in ({"alg": alg, "kid": "one"}, claims))
    signature = hmac.digest(secret, body.encode(), "sha256") if alg == "HS256" else b""
    return f"{body}.{urlsafe_b64encode(signature).decode().rstrip('=')}"


def _encode(part: Mapping[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class ScriptedProvider:
    """A provider whose attributes determine its responses and can be changed at any time; it records its *requests*."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, list[str]], str]] = []  # path, form, header Authorization
        self.key = new_key()
        self.claims: dict[str, Any] = {}  # in addition to, or instead of, the correct ones
        self.sign: Callable[[Mapping[str, Any]], str] = lambda claims: sign(claims, self.key)
        self.answers: dict[str, tuple[int, bytes]] = {}  # by path, instead of the correct ones
        self.nonce = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.metadata = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
        }
        self.user_info: dict[str, Any] = {"sub": "4711"}

    @contextmanager
    def serving(self) -> Iterator["ScriptedProvider"]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def id_token(self) -> str:
        """Make the ID token that the token endpoint gives."""
        now = int(time.time())
        right = {"iss": self.issuer, "sub": "4711", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": self.nonce}
        claims = {name: value for name, value in (right | self.claims).items() if value is not None}
        return self.sign(claims)

    def _answer(self, path: str) -> tuple[int, bytes]:
        if path in self.answers:
            return self.answers[path]
        documents: dict[str, Any] = {
            "/.well-known/openid-configuration": self.metadata,
            "/keys": {"keys": [self.key.as_dict(private=False)]},
            "/userinfo": self.user_info,
        }
        if path == "/token":
            documents[path] = {"access_token": "opens user info", "token_type": "Bearer", "id_token": self.id_token()}
        return (200, json.dumps(documents[path]).encode()) if path in documents else (404, b"")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                provider.requests.append((self.path, parse_qs(body), self.headers.get("authorization", "")))
                status, answer = provider._answer(self.path)
                self.send_response(status)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_POST = do_GET  # noqa: N815 - the name in the base class

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        return Handler
