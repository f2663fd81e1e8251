"""
The state of each gateway that follows, or followed, the control plane.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from holdfast.gateway.control.reports import Report
from holdfast.gateway.peer import Peer

MAX_STATES = 2_000  # gateways; those that have been away longest are forgotten


@dataclass(frozen=True, slots=True)
class GatewayState:
    """A gateway, by what its connection and its last *report* say. Times are aware (UTC), by the publisher's clock."""

    peer: Peer
    address: str  # that it connects from, as gRPC gives it
    connected_since: datetime | None  # None: it isn't connected
    seen_at: datetime  # when something last arrived from it
    report: Report | None = None
    clock_offset: timedelta | None = None  # how far its clock is ahead, including the time that the report took


class GatewayStates:
    """
    The states of gateways by name, of limited number and size.

    They are changed on the event loop; threads may read them.
    """

    def __init__(self) -> None:
        self._states: OrderedDict[str, GatewayState] = OrderedDict()

    def list_all(self) -> list[GatewayState]:
        """Return the states of all gateways that are or were connected since the start, by name."""
        return sorted(self._states.values(), key=lambda state: state.peer.name)

    def find(self, name: str) -> GatewayState | None:
        """Return the state of the gateway *name*, None if it hasn't connected since the start."""
        return self._states.get(name)

    def connect(self, peer: Peer, address: str, now: datetime) -> None:
        """Record that a gateway has connected; its last report stays until there is a new one."""
        before = self._states.get(peer.name)
        report, offset = (before.report, before.clock_offset) if before else (None, None)
        self._put(GatewayState(peer, address, now, now, report, offset))

    def take(self, name: str, report: Report, now: datetime) -> None:
        """Record a report of a connected gateway."""
        if state := self._states.get(name):
            self._put(replace(state, seen_at=now, report=report, clock_offset=report.sent_at - now))

    def disconnect(self, name: str, now: datetime) -> None:
        """Record that a gateway has disconnected."""
        if state := self._states.get(name):
            self._put(replace(state, connected_since=None, seen_at=now))

    def _put(self, state: GatewayState) -> None:
        self._states[state.peer.name] = state
        self._states.move_to_end(state.peer.name)
        while len(self._states) > MAX_STATES:
            self._states.pop(next(iter(self._states)))
