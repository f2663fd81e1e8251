"""
Requests to Envoy's admin interface: which clusters are warming, whether it is ready, and draining.
"""

import asyncio
import contextlib
import re
import ssl
from pathlib import Path

import httpx2

from holdfast.apis.catalog.endpoint import ENVIRONMENTS

ANSWERS_WITHIN = 2.0  # seconds
LOOK_AGAIN = 0.05  # seconds between checks for requests in flight
# A connection would remain with an Envoy that was replaced.
_NEW_CONNECTIONS = httpx2.Limits(max_keepalive_connections=0)
_ACTIVE = f"^http\\.({'|'.join(ENVIRONMENTS)})\\.downstream_rq_active$"


class Admin:
    """A client of the admin interface on a unix socket."""

    def __init__(self, socket: Path) -> None:
        """Connects with the first request."""
        # This is http over a socket; the default would spend 20 ms loading every public root.
        no_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        transport = httpx2.AsyncHTTPTransport(uds=str(socket), verify=no_tls, limits=_NEW_CONNECTIONS)
        self._http = httpx2.AsyncClient(transport=transport, base_url="http://admin", timeout=ANSWERS_WITHIN)

    async def warming(self) -> set[str] | None:
        """
        Return the clusters with an acknowledged version that Envoy doesn't use yet; None if Envoy doesn't answer.

        Until its host is resolved and its secrets have arrived, the old version of a cluster stays in use.
        """
        try:
            count = await self._http.get("/stats", params={"filter": "^cluster_manager.warming_clusters$"})
            if count.text.strip() == "cluster_manager.warming_clusters: 0":
                return set()
            dump = await self._http.get("/config_dump", params={"resource": "dynamic_warming_clusters"})
        except httpx2.HTTPError:
            return None
        return {entry["cluster"]["name"] for entry in dump.json().get("configs", [])}

    async def live_epoch(self) -> int | None:
        """Return the restart epoch of the Envoy that answers, once it is ready for callers; None before."""
        try:
            answer = (await self._http.get("/server_info")).json()
        except (httpx2.HTTPError, ValueError):
            return None
        return int(answer["command_line_options"]["restart_epoch"]) if answer["state"] == "LIVE" else None

    async def drain(self, within: float) -> None:
        """
        Let Envoy finish requests in flight, for at most *within* seconds; return at once if it doesn't answer.

        Its listeners close, responses carry `Connection: close` or GOAWAY, and websockets continue until time is up.
        """
        with contextlib.suppress(httpx2.HTTPError, TimeoutError):
            async with asyncio.timeout(within):
                await self._http.post("/healthcheck/fail")  # from now on, responses close their connections
                await self._http.post("/drain_listeners")
                while await self._requests():  # noqa: ASYNC110 - another process can't set an event
                    await asyncio.sleep(LOOK_AGAIN)

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def _requests(self) -> int:
        """Count the requests in flight, including websockets."""
        stats = await self._http.get("/stats", params={"filter": _ACTIVE})
        return sum(int(count) for count in re.findall(r": (\d+)$", stats.text, re.MULTILINE))
