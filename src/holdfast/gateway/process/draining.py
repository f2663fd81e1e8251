"""
How an Envoy is emptied before it ends: no new connections, and requests in flight finish.
"""

import asyncio
import contextlib
import re

import httpx2

from holdfast.apis.catalog.endpoint import ENVIRONMENTS

LOOK_AGAIN = 0.05  # seconds, while the last requests are answered
_ACTIVE = f"^http\\.({'|'.join(ENVIRONMENTS)})\\.downstream_rq_active$"


async def drain(admin: httpx2.AsyncClient, within: float) -> None:
    """
    Let Envoy finish what it does, for at most *within* seconds; one that doesn't answer has nothing to finish.

    Its listeners close, answers say `Connection: close` or GOAWAY, and websockets go on until the time is over.
    """
    with contextlib.suppress(httpx2.HTTPError, TimeoutError):
        async with asyncio.timeout(within):
            await admin.post("/healthcheck/fail")  # from now on, answers end their connections
            await admin.post("/drain_listeners")
            while await _requests(admin):  # noqa: ASYNC110 - another process has no event for us
                await asyncio.sleep(LOOK_AGAIN)


async def _requests(admin: httpx2.AsyncClient) -> int:
    """Count the requests in flight, websockets included."""
    stats = await admin.get("/stats", params={"filter": _ACTIVE})
    return sum(int(count) for count in re.findall(r": (\d+)$", stats.text, re.MULTILINE))
