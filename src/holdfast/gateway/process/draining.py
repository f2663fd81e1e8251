"""
Draining of an Envoy before it stops: it accepts no new connections, and finishes requests in flight.
"""

import asyncio
import contextlib
import re

import httpx2

from holdfast.apis.catalog.endpoint import ENVIRONMENTS

LOOK_AGAIN = 0.05  # seconds between checks for requests in flight
_ACTIVE = f"^http\\.({'|'.join(ENVIRONMENTS)})\\.downstream_rq_active$"


async def drain(admin: httpx2.AsyncClient, within: float) -> None:
    """
    Let Envoy finish requests in flight, for at most *within* seconds; return at once if it doesn't answer.

    Its listeners close, responses carry `Connection: close` or GOAWAY, and websockets continue until time is up.
    """
    with contextlib.suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(within):
            await admin.post("/healthcheck/fail")  # from now on, responses close their connections
            await admin.post("/drain_listeners")
            while await _requests(admin):  # noqa: ASYNC110 - another process can't set an event
                await asyncio.sleep(LOOK_AGAIN)


async def _requests(admin: httpx2.AsyncClient) -> int:
    """Count the requests in flight, including websockets."""
    stats = await admin.get("/stats", params={"filter": _ACTIVE})
    return sum(int(count) for count in re.findall(r": (\d+)$", stats.text, re.MULTILINE))
