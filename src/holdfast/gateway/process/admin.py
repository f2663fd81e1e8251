"""
Requests to Envoy's admin interface: which clusters are warming, whether it is ready, and draining.
"""

import asyncio
import contextlib
import json
import re
from pathlib import Path

from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.gateway.process.admin_http import NoAdminAnswer, ask

LOOK_AGAIN = 0.05  # seconds between checks for requests in flight
_ACTIVE = f"^http\\.({'|'.join(ENVIRONMENTS)})\\.downstream_rq_active$"


class Admin:
    """A client of the admin interface on a unix socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def list_warming(self) -> set[str] | None:
        """
        Return the clusters with an acknowledged version that Envoy doesn't use yet; None if Envoy doesn't answer.

        Until its host is resolved and its secrets have arrived, the old version of a cluster stays in use.
        """
        try:
            count = await self._ask("/stats?filter=^cluster_manager.warming_clusters$")
            if count.strip() == "cluster_manager.warming_clusters: 0":
                return set()
            dump = json.loads(await self._ask("/config_dump?resource=dynamic_warming_clusters"))
        except NoAdminAnswer:
            return None
        return {entry["cluster"]["name"] for entry in dump.get("configs", [])}

    async def find_live_epoch(self) -> int | None:
        """Return the restart epoch of the Envoy that answers, once it is ready for callers; None before."""
        try:
            answer = json.loads(await self._ask("/server_info"))
        except (NoAdminAnswer, ValueError):
            return None
        return int(answer["command_line_options"]["restart_epoch"]) if answer["state"] == "LIVE" else None

    async def drain(self, within: float) -> None:
        """
        Let Envoy finish requests in flight, for at most *within* seconds; return at once if it doesn't answer.

        Its listeners close, responses carry `Connection: close` or GOAWAY, and websockets continue until time is up.
        """
        with contextlib.suppress(NoAdminAnswer, TimeoutError):
            async with asyncio.timeout(within):
                await self._ask("/healthcheck/fail", "POST")  # from now on, responses close their connections
                await self._ask("/drain_listeners", "POST")
                while await self._count_requests():  # noqa: ASYNC110 - another process can't set an event
                    await asyncio.sleep(LOOK_AGAIN)

    async def _count_requests(self) -> int:
        """Count the requests in flight, including websockets."""
        stats = await self._ask(f"/stats?filter={_ACTIVE}")
        return sum(int(count) for count in re.findall(r": (\d+)$", stats, re.MULTILINE))

    async def _ask(self, target: str, method: str = "GET") -> str:
        return await asyncio.to_thread(ask, self._socket, target, method)
