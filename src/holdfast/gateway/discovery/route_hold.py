"""
Routes to clusters that were sent with them, held back until Envoy uses the clusters.

While a name isn't resolved, Envoy answers 503 for a route to a new cluster, and sends requests for a changed one, with
the host and path of the new routes, to the earlier backend (both measured). Until then, the earlier routes stay in
force.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from holdfast.gateway.discovery.cache import Gateway
from holdfast.gateway.resources.resource import CLUSTER, ROUTES, Resource

# Seconds, after which routes are sent anyway. A name that nobody resolves warms for about as long; it also delays the
# ACKs of other clusters.
LONGEST = 3.0
# Seconds within which changes of a cluster and of its routes belong together. Later changes of routes, for example
# because a caller is no longer accepted, don't wait for a changed cluster.
TOGETHER = 0.5
_CLUSTER_FIELD = b"\x0a"  # of RouteAction: field 1, length-delimited


@dataclass(frozen=True, slots=True)
class _Hold:
    version: str
    until: float  # by the event loop's clock


class RouteHold:
    """The routes that one stream holds back; *wake* makes it send due updates."""

    def __init__(self, gateway: Gateway, wake: Callable[[], None]) -> None:
        self._gateway, self._wake = gateway, wake
        self._holds: dict[str, _Hold] = {}
        self._sent: dict[str, tuple[str, float]] = {}  # unanswered clusters, with their nonce and when they were seen
        self._timer: asyncio.TimerHandle | None = None

    def take_answer(self) -> None:
        """Send held routes whose clusters are ready now, after clusters were acknowledged or rejected."""
        if self._holds:
            self._wake()

    def release(self, changes: Collection[str], current: Mapping[str, Resource]) -> Collection[str]:
        """
        Return the names of the *changes* and held routes that can be sent; the others are held.

        Only the change that comes with a cluster waits for it: if held routes change again, for example because a
        caller is no longer accepted, they are sent at once.
        """
        now = asyncio.get_running_loop().time()
        self._note_clusters(now)
        names = {**dict.fromkeys(self._holds), **dict.fromkeys(changes)}
        if not names:
            return names
        before, self._holds = self._holds, {}
        unanswered_clusters, recent = self._list_clusters(now)
        for name in names:
            resource, hold = current.get(name), before.get(name)
            clusters = unanswered_clusters if hold else recent
            if resource is None or not clusters or clusters.isdisjoint(_find_references(resource.body)):
                continue
            hold = hold or _Hold(resource.version, now + LONGEST)
            if hold.version == resource.version and now < hold.until:
                self._holds[name] = hold
                self._gateway.watch.add(ROUTES, name)  # counts as unsent
        self._schedule()
        return [name for name in names if name not in self._holds]

    def cancel(self) -> None:
        """Cancel the timer, because the stream has ended."""
        if self._timer:
            self._timer.cancel()

    def _note_clusters(self, now: float) -> None:
        """Note when the clusters that Envoy hasn't answered were first seen in their version."""
        nonces = {name: nonce for (kind, name), nonce in self._gateway.unanswered.items() if kind == CLUSTER}
        self._sent = {
            name: note if (note := self._sent.get(name)) and note[0] == nonce else (nonce, now)
            for name, nonce in nonces.items()
        }

    def _list_clusters(self, now: float) -> tuple[set[bytes], set[bytes]]:
        """Return the unanswered clusters, and those of them that changed routes wait for."""
        recent = {
            name.encode()
            for name, (_, seen_at) in self._sent.items()
            if now - seen_at < TOGETHER or (CLUSTER, name) not in self._gateway.acknowledged
        }
        return {name.encode() for name in self._sent}, recent

    def _schedule(self) -> None:
        self.cancel()
        self._timer = None
        if self._holds:
            due = min(hold.until for hold in self._holds.values())
            self._timer = asyncio.get_running_loop().call_at(due, self._wake)


def _find_references(routes: bytes) -> Iterator[bytes]:
    """Yield what may be the name of a cluster in serialized *routes*: each text at a field of that number and type."""
    start = routes.find(_CLUSTER_FIELD)
    while 0 <= start < len(routes) - 2:
        size, begin = routes[start + 1], start + 2
        if size > 127:  # a varint of two bytes
            size, begin = size & 127 | routes[start + 2] << 7, start + 3
        yield routes[begin : begin + size]
        start = routes.find(_CLUSTER_FIELD, start + 1)
