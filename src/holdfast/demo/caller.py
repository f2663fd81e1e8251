"""
A caller of an API that retries until the gateway responds as expected.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx2

NOT_TRUSTED = "backend_not_trusted"  # the code in the gateway's response
PAUSE = 0.002  # seconds between two requests


@dataclass(frozen=True, slots=True)
class Response:
    """A response; the status is 0 if there was none."""

    status: int
    body: str
    code: str = ""  # of the gateway's own error response

    def __str__(self) -> str:
        return f"{self.status or 'no response:'} {self.code or self.body}"

    @property
    def is_served(self) -> bool:
        """Whether the backend responded."""
        return self.status == 200

    @property
    def is_refused(self) -> bool:
        """Whether the gateway rejected the backend's certificate."""
        return self.status == 503 and self.code == NOT_TRUSTED


async def ask(client: httpx2.AsyncClient, url: str, accepts: Callable[[Response], bool], within: float) -> Response:
    """Send requests until *accepts* approves a response and return it, or the last one after *within* seconds."""
    until = time.monotonic() + within
    while not accepts(answer := await _ask_once(client, url)) and time.monotonic() < until:  # noqa: ASYNC110 - no event
        await asyncio.sleep(PAUSE)
    return answer


async def _ask_once(client: httpx2.AsyncClient, url: str) -> Response:
    try:
        answer = await client.get(url)
    except httpx2.HTTPError as error:
        return Response(0, str(error) or type(error).__name__)
    try:
        code = answer.json()["code"]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        code = ""
    return Response(answer.status_code, answer.text, str(code))
