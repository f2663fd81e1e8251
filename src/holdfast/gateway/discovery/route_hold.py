"""
Routes to new clusters, held back until Envoy uses the clusters.

Envoy answers 503 for a route whose cluster is still warming because a name isn't resolved yet (measured). Until then,
the earlier routes stay in force.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from holdfast.gateway.discovery.cache import Gateway
from holdfast.gateway.resources.resource import CLUSTER, ROUTES, Resource

# Seconds, after which routes are sent anyway. A name that nobody resolves warms for about as long; it also delays the
# ACKs of other clusters.
LONGEST = 3.0
_CLUSTER_FIELD = b"\x0a"  # of RouteAction: field 1, length-delimited


@dataclass(frozen=True, slots=True)
class _Held:
    version: str
    until: float  # by the event loop's clock


class RouteHold:
    """The routes that one stream holds back; *wake* makes it send due updates."""

    def __init__(self, gateway: Gateway, wake: Callable[[], None]) -> None:
        self._gateway, self._wake = gateway, wake
        self._held: dict[str, _Held] = {}
        self._timer: asyncio.TimerHandle | None = None

    def answered(self) -> None:
        """Send held routes whose clusters are ready now, after clusters were acknowledged or rejected."""
        if self._held:
            self._wake()

    def release(self, changed: Collection[str], current: Mapping[str, Resource]) -> Collection[str]:
        """
        Return the names of those *changed* and held routes that can be sent; the others are held.

        Only the change that adds a cluster waits for it: if held routes change again, for example because a caller is
        no longer accepted, they are sent at once.
        """
        names = {**dict.fromkeys(self._held), **dict.fromkeys(changed)}
        if not names:
            return names
        new, now = self._new_clusters(), asyncio.get_running_loop().time()
        before, self._held = self._held, {}
        for name in names:
            resource = current.get(name)
            if resource is None or not any(cluster in resource.body for cluster in new):
                continue
            held = before.get(name) or _Held(resource.version, now + LONGEST)
            if held.version == resource.version and now < held.until:
                self._held[name] = held
                self._gateway.watch.add(ROUTES, name)  # counts as unsent
        self._schedule()
        return [name for name in names if name not in self._held]

    def cancel(self) -> None:
        """Cancel the timer, because the stream has ended."""
        if self._timer:
            self._timer.cancel()

    def _new_clusters(self) -> list[bytes]:
        """Return the clusters that Envoy doesn't have in any version, as routes name them."""
        unanswered = (key for key in self._gateway.unanswered if key[0] == CLUSTER)
        return [_reference(name) for _, name in unanswered if (CLUSTER, name) not in self._gateway.acknowledged]

    def _schedule(self) -> None:
        self.cancel()
        self._timer = None
        if self._held:
            due = min(held.until for held in self._held.values())
            self._timer = asyncio.get_running_loop().call_at(due, self._wake)


def _reference(cluster: str) -> bytes:
    """Return the field of a serialized route that names *cluster*."""
    name = cluster.encode()
    size, length = len(name), b""
    while size > 127:
        size, length = size >> 7, length + bytes([size & 127 | 128])
    return _CLUSTER_FIELD + length + bytes([size]) + name
