"""
`holdfast demo --once`: refused, import, served, delete, refused, as seen by an HTTP client.
"""

import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console

from holdfast.apis.publisher_paths import PREFIX
from holdfast.demo.backend import Backend, serve
from holdfast.demo.caller import Response, ask
from holdfast.gateway.process.socket_directories import temporary_directory
from holdfast.network.public_trust import make_public_context

ALIAS = "pizza-shack"
API = {"name": "Pizza Shack", "context": "/pizzashack", "version": "1.0.0"}
OBEYS_WITHIN = 10.0  # seconds


class StepFailed(RuntimeError):
    """A step failed; the text says what was expected, and what was received instead."""


@contextmanager
def stage() -> Iterator[dict[str, Any]]:
    """Return settings that don't touch the user's files: a temporary directory, a password, free ports."""
    with ExitStack() as stack:
        # All sockets stay open until the last one has its port, so that the ports differ.
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        addresses = [(listener.getsockname(),) for listener in listeners]
    options = dict(zip(("publisher", "gateway", "sandbox"), addresses, strict=True))
    with temporary_directory() as directory:
        yield options | {"data": directory / "data", "admin_password": secrets.token_urlsafe()}


async def play(
    console: Console, publisher_url: str, gateway_url: str, credentials: tuple[str, str], data: Path
) -> bool:
    """Run the story with its own backend, whose files are below *data*; return whether every step succeeded."""
    tls = make_public_context(trust_env=False)
    async with (
        serve(data / "demo") as backend,
        httpx2.AsyncClient(base_url=publisher_url, auth=credentials, trust_env=False, verify=tls) as publisher,
        httpx2.AsyncClient(base_url=gateway_url, trust_env=False, verify=tls) as gateway,
    ):
        return await Story(console, publisher, gateway, backend).play()


@dataclass(slots=True)
class Story:
    """The five steps. *publisher* is a client of the publisher that is signed in, *gateway* a client of the gateway."""

    console: Console
    publisher: httpx2.AsyncClient
    gateway: httpx2.AsyncClient
    backend: Backend
    within: float = OBEYS_WITHIN
    _step: int = 0

    async def play(self) -> bool:
        """Run the story; return whether every step succeeded."""
        try:
            await self._play()
        except (StepFailed, httpx2.HTTPError) as error:
            self.console.print(f"Step {self._step} of 5 failed: {str(error) or type(error).__name__}.", style="red")
            return False
        self.console.print("All 5 steps succeeded.", style="green")
        return True

    async def _play(self) -> None:
        self._step = 1
        endpoints = {"endpoint_type": "http", "production_endpoints": {"url": self.backend.url}}
        response = await self._call_publisher("POST", "/apis", 201, json=API | {"endpointConfig": endpoints})
        query = {"action": "Publish", "apiId": response.json()["id"]}
        began = time.perf_counter()
        await self._call_publisher("POST", "/apis/change-lifecycle", 200, params=query)
        await self._call_gateway("refused", began, lambda answer: answer.is_refused, "503 backend_not_trusted")

        self._step = 2
        began = time.perf_counter()
        fields = {"alias": ALIAS, "endpoint": self.backend.url}
        file = {"certificate": self.backend.certificate.read_bytes()}
        answer = await self._call_publisher("POST", "/endpoint-certificates", 201, data=fields, files=file)
        self._say("import", began, f"{answer.status_code} {ALIAS}")

        self._step = 3
        await self._call_gateway("served", began, lambda answer: answer.is_served, "200")

        self._step = 4
        began = time.perf_counter()
        answer = await self._call_publisher("DELETE", f"/endpoint-certificates/{ALIAS}", 200)
        self._say("delete", began, f"{answer.status_code} {ALIAS}")

        self._step = 5
        await self._call_gateway("refused", began, lambda answer: answer.is_refused, "503 backend_not_trusted")

    async def _call_publisher(self, method: str, path: str, status: int, **content: Any) -> httpx2.Response:
        answer = await self.publisher.request(method, PREFIX + path, **content)
        if answer.status_code != status:
            raise StepFailed(f"{method} {PREFIX + path} returned {answer.status_code} {answer.text}, expected {status}")
        return answer

    async def _call_gateway(
        self, step: str, began: float, accepts: Callable[[Response], bool], expectation: str
    ) -> None:
        url = f"{API['context']}/{API['version']}/menu"
        answer = await ask(self.gateway, url, accepts, self.within)
        if not accepts(answer):
            raise StepFailed(f"after {self.within:g} s the gateway still returned {answer}, expected {expectation}")
        self._say(step, began, str(answer))

    def _say(self, step: str, began: float, outcome: str) -> None:
        milliseconds = (time.perf_counter() - began) * 1000
        self.console.print(f"{self._step}  {step:<8} {milliseconds:7.1f} ms   {outcome}")
