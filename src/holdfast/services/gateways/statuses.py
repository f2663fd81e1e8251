"""
The state of gateways: what is stored about them, what they have in force, and what they report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.gateways.gateway import Gateway, GatewayState
from holdfast.gateway.control import states
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.cache import AppliedRevision
from holdfast.gateway.discovery.cache import Gateway as ConnectedGateway
from holdfast.gateway.discovery.groups import Groups
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotFound
from holdfast.services.gateways.operators import is_operator, require_operator
from holdfast.store.gateways import gateways

MAX_REJECTED = 20  # rejected resources of a gateway that are described


@dataclass(frozen=True, slots=True)
class RejectedResource:
    """A resource that a gateway rejects: its type, such as "Cluster", its name, and the reason in Envoy's words."""

    type: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """
    A gateway and its connection. *enrolled* is None on the publisher's machine, where no gateway needs to enroll.

    *behind* counts the resources that it has yet to apply, *rejections* all that it rejects. *followed* is what it
    reports, None if it has reported nothing since the publisher started.
    """

    name: str
    group: str
    state: GatewayState
    enrolled: Gateway | None
    connected_since: datetime | None  # aware, UTC
    applied: AppliedRevision | None = None
    behind: int = 0
    behind_since: datetime | None = None
    rejections: int = 0
    rejected: Sequence[RejectedResource] = field(default=())
    followed: states.GatewayState | None = None

    @property
    def stale_since(self) -> datetime | None:
        """Since when it has had no configuration; its last report doesn't count while it is connected."""
        report = self.followed.report if self.followed else None
        return report.stale_since if report and not self.connected_since else None

    @property
    def address(self) -> str:
        """The IP address that it connects from; empty on the publisher's machine, or if unknown."""
        kind, _, address = self.followed.address.partition(":") if self.followed else ("", "", "")
        return address.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""


def list_statuses(context: Context, groups: Groups, reported: GatewayStates) -> list[GatewayStatus]:
    """
    Return all gateways: those on the publisher's machine, then the enrolled ones by name.

    Only operators see more of a gateway than its name, group, state, connection and revision.
    """
    context.user.require(Permission.VIEW_APIS)
    with context.read() as session:
        enrolled, _ = gateways.find(session, DEFAULT_ORGANIZATION)
    # A gateway that reconnects can have two streams for some seconds; the newest comes last.
    connected = {each.id: (group, each) for group, cache in groups.caches.items() for each in cache.gateways}
    local = {name: group for name, (group, _) in connected.items()}
    local |= {each.peer.name: each.peer.group for each in reported.all() if each.address.startswith("unix:")}
    statuses = [
        *(
            GatewayStatus(name, local[name], GatewayState.LOCAL, None, None)
            for name in sorted(local.keys() - {gateway.name for gateway in enrolled})
        ),
        *(describe_enrolled(gateway, context.now) for gateway in enrolled),
    ]
    every = [_add_connection(each, connected.get(each.name, (None, None))[1], reported) for each in statuses]
    return every if is_operator(context) else [_summarize(each) for each in every]


def list_for_operator(context: Context, groups: Groups, reported: GatewayStates) -> list[GatewayStatus]:
    """Return all gateways as `list_statuses` does. Raises NotPermitted."""
    require_operator(context)
    return list_statuses(context, groups, reported)


def get_for_operator(context: Context, groups: Groups, reported: GatewayStates, name: str) -> GatewayStatus:
    """Return the gateway *name*. Raises NotPermitted, NotFound."""
    for status in list_for_operator(context, groups, reported):
        if status.name == name:
            return status
    raise NotFound("gateway", name)


def describe_enrolled(gateway: Gateway, now: datetime) -> GatewayStatus:
    """Return the status of an enrolled gateway that isn't connected."""
    return GatewayStatus(gateway.name, gateway.placement.group, gateway.state(now), gateway, None)


def _add_connection(
    status: GatewayStatus, connected: ConnectedGateway | None, reported: GatewayStates
) -> GatewayStatus:
    status = replace(status, followed=reported.of(status.name))
    if connected is None:
        return status
    rejected = list(connected.rejected.items())
    shown = [
        RejectedResource(type_url.rpartition(".")[2], name, rejection.message)
        for (type_url, name), rejection in rejected[:MAX_REJECTED]
    ]
    return replace(
        status,
        connected_since=datetime.fromtimestamp(connected.connected_at, UTC),
        applied=connected.applied,
        behind=connected.behind,
        behind_since=connected.behind_since,
        rejections=len(rejected),
        rejected=tuple(shown),
    )


def _summarize(status: GatewayStatus) -> GatewayStatus:
    """Leave out what only operators may see, such as names of other organizations' resources."""
    return replace(status, enrolled=None, rejected=(), followed=None)
