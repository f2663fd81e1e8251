"""
Gateways that have lost their connection.
"""

from collections.abc import Iterable, Iterator

from holdfast.apis.gateways.gateway import GatewayState
from holdfast.apis.notifications.event import Condition, EventKind, EventSeverity, Wording
from holdfast.services.gateways.statuses import GatewayStatus

KIND = EventKind.GATEWAY_CONNECTION
_CAN_CONNECT = {GatewayState.ENROLLED, GatewayState.EXPIRED, GatewayState.LOCAL}


def find_lost_gateways(statuses: Iterable[GatewayStatus]) -> Iterator[Condition]:
    """Yield a condition for each gateway that could be connected, and isn't."""
    for status in statuses:
        if status.state in _CAN_CONNECT and status.connected_since is None:
            yield _describe(status)


def _describe(status: GatewayStatus) -> Condition:
    seen_at = status.reported_state.seen_at if status.reported_state else None
    last = f" It was last seen at {seen_at:%Y-%m-%d %H:%M} UTC." if seen_at else ""
    action = "Check the machine, the process of the gateway, and its connection to the control plane."
    if status.state is GatewayState.EXPIRED:
        action = f"Its certificate has expired. Create a join token with `holdfast gateway enroll {status.name}`."
    path = "/gateways"
    return Condition(
        f"{KIND.value}:{status.name}",
        KIND,
        status.state.value,
        EventSeverity.ERROR,
        Wording(
            f"Gateway {status.name} is not connected",
            f"It continues to serve the APIs that it has, but gets no changes, if it still runs.{last}",
            action,
            path,
        ),
        (f"gateway:{status.name}",),
        Wording(f"Gateway {status.name} is connected again", "It gets all changes again.", "", path),
    )
