"""
The state of gateways: what is stored about them, what they have in force, and what they report.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.gateways.gateway import Gateway, GatewayState
from holdfast.gateway.control import states
from holdfast.gateway.control.messages import MalformedMessage, Members
from holdfast.gateway.control.reports import Report
from holdfast.gateway.control.states import GatewayStates
from holdfast.gateway.discovery.cache import AppliedRevision
from holdfast.gateway.discovery.cache import Gateway as ConnectedGateway
from holdfast.gateway.discovery.groups import Groups
from holdfast.gateway.peer import Peer
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.errors import NotFound
from holdfast.services.gateways.connections import find_connections
from holdfast.services.gateways.elsewhere import Connection, GatewaysElsewhere, OtherControlPlanes
from holdfast.services.gateways.operators import is_operator, require_operator
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes
from holdfast.store.gateways import connected_gateways, gateways

_SAME_MACHINE = "unix:"
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
    A gateway and its connection. *gateway* is None on the publisher's machine, where no gateway needs to enroll.
    *control_plane* is the name of the control plane that it is connected to; empty if it isn't connected.

    *behind* counts the resources that it has yet to apply, *rejections* all that it rejects. *reported_state* is what
    it reports, None if it has reported nothing since the publisher started.
    """

    name: str
    group: str
    state: GatewayState
    gateway: Gateway | None
    connected_since: datetime | None  # aware, UTC
    applied_revision: AppliedRevision | None = None
    behind: int = 0
    behind_since: datetime | None = None
    rejections: int = 0
    rejected_resources: Sequence[RejectedResource] = field(default=())
    reported_state: states.GatewayState | None = None
    control_plane: str = ""

    @property
    def stale_since(self) -> datetime | None:
        """Since when it has had no configuration; its last report doesn't count while it is connected."""
        report = self.reported_state.report if self.reported_state else None
        return report.stale_since if report and not self.connected_since else None

    @property
    def address(self) -> str:
        """The IP address that it connects from; empty on the publisher's machine, or if unknown."""
        kind, _, address = self.reported_state.address.partition(":") if self.reported_state else ("", "", "")
        return address.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""


@dataclass(frozen=True, slots=True)
class Sources:
    """
    Where statuses come from: this control plane, by its name, the gateways that follow it, and what they report; and
    the other control planes.
    """

    control_plane: str
    groups: Groups
    states: GatewayStates
    elsewhere: GatewaysElsewhere = field(default_factory=GatewaysElsewhere)


def list_statuses(context: Context, sources: Sources) -> list[GatewayStatus]:
    """
    Return all gateways: those on the machines of publishers, then the enrolled ones by name.

    Only operators see more of a gateway than its name, group, state, connection and revision.
    """
    context.user.require(Permission.VIEW_APIS)
    statuses = _find_all(context, sources)
    return statuses if is_operator(context) else [_summarize(status) for status in statuses]


def list_reporting(context: Context, sources: Sources, groups: Collection[str]) -> list[GatewayStatus]:
    """
    Return the gateways of *groups* with their reports, for users who aren't operators, too.

    Reports are about all organizations: show only what concerns the user's own.
    """
    context.user.require(Permission.VIEW_APIS)
    return [status for status in _find_all(context, sources) if status.group in groups]


def _find_all(context: Context, sources: Sources) -> list[GatewayStatus]:
    with context.read() as session:
        enrolled_gateways, _ = gateways.find(session, DEFAULT_ORGANIZATION)
        others = sources.elsewhere.read(session)
        last_states = _find_last_states(session) if sources.elsewhere.is_shared else {}
    connections = find_connections(sources.groups, others)
    # A gateway that reconnects can have two streams for some seconds; the newest comes last.
    here = {
        connection.id: (group, connection)
        for group, cache in sources.groups.caches.items()
        for connection in connections.select(cache.gateways)
    }
    there = {connection.gateway.name: connection for group in connections.elsewhere.values() for connection in group}
    local = {name: state.peer.group for name, state in last_states.items()}
    local |= _find_local(sources, others) | {name: connection.gateway.group for name, connection in there.items()}
    local |= {name: group for name, (group, _) in here.items()}
    statuses = [
        *(
            GatewayStatus(name, local[name], GatewayState.LOCAL, None, None)
            for name in sorted(local.keys() - {gateway.name for gateway in enrolled_gateways})
        ),
        *(describe_enrolled(gateway, context.now) for gateway in enrolled_gateways),
    ]
    for number, status in enumerate(statuses):
        if status.name in here:
            statuses[number] = _describe_here(status, here[status.name][1], sources)
        elif status.name in there:
            statuses[number] = _describe_there(status, there[status.name])
        else:
            statuses[number] = replace(
                status, reported_state=_find_last_state(status.name, sources, others) or last_states.get(status.name)
            )
    return statuses


def list_for_operator(context: Context, sources: Sources) -> list[GatewayStatus]:
    """Return all gateways as `list_statuses` does. Raises NotPermitted."""
    require_operator(context)
    return list_statuses(context, sources)


def get_for_operator(context: Context, sources: Sources, name: str) -> GatewayStatus:
    """Return the gateway *name*. Raises NotPermitted, NotFound."""
    for status in list_for_operator(context, sources):
        if status.name == name:
            return status
    raise NotFound("gateway", name)


def describe_enrolled(gateway: Gateway, now: datetime) -> GatewayStatus:
    """Return the status of an enrolled gateway that isn't connected."""
    return GatewayStatus(gateway.name, gateway.placement.group, gateway.assess_state(now), gateway, None)


def _find_local(sources: Sources, others: OtherControlPlanes) -> dict[str, str]:
    """Return the gateways on the machines of publishers that have been seen, by name, with their groups."""
    peers = {state.peer.name: (state.peer.group, state.address) for state in sources.states.list_all()}
    peers |= {
        name: (connection.gateway.group, connection.gateway.address)
        for name, connection in others.last_connections.items()
    }
    return {name: group for name, (group, address) in peers.items() if address.startswith(_SAME_MACHINE)}


def _find_last_states(session: Session) -> dict[str, states.GatewayState]:
    """Return the gateways next to control planes that ended without a clean stop, as these saw them last, by name."""
    now = read_database_time(session)
    control_planes_by_id = {
        control_plane.id: control_plane
        for control_plane in control_planes.list_known(session, now)
        if not control_planes.is_live(control_plane, now)
    }
    gateways_by_plane = (
        connected_gateways.list_by_control_plane(session, control_planes_by_id) if control_planes_by_id else {}
    )
    last_states: dict[str, states.GatewayState] = {}
    for id_, gateways_of_one in gateways_by_plane.items():
        for name, gateway in gateways_of_one.items():
            if gateway.address.startswith(_SAME_MACHINE):
                seen_at = max(gateway.seen_at, control_planes_by_id[id_].seen_at)
                last_states[name] = states.GatewayState(Peer(name, gateway.group), gateway.address, None, seen_at)
    return last_states


def _describe_here(status: GatewayStatus, gateway: ConnectedGateway, sources: Sources) -> GatewayStatus:
    """Add the state of a gateway that is connected to this control plane."""
    reasons = {key: rejection.message for key, rejection in itertools.islice(gateway.rejected.items(), MAX_REJECTED)}
    return replace(
        status,
        reported_state=sources.states.find(status.name),
        connected_since=gateway.connected_at,
        applied_revision=gateway.applied,
        behind=gateway.behind,
        behind_since=gateway.behind_since,
        rejections=len(gateway.rejected),
        rejected_resources=_describe_rejected(reasons),
        control_plane=sources.control_plane,
    )


def _describe_there(status: GatewayStatus, connection: Connection) -> GatewayStatus:
    """Add the state of a gateway that is connected to another control plane."""
    gateway = connection.gateway
    applied_revision = None
    if gateway.applied is not None and gateway.applied_since is not None:
        applied_revision = AppliedRevision(gateway.applied, gateway.applied_since)
    return replace(
        status,
        reported_state=read_state(connection),
        connected_since=gateway.connected_since,
        applied_revision=applied_revision,
        behind=gateway.behind,
        behind_since=gateway.behind_since,
        rejections=gateway.rejections,
        rejected_resources=_describe_rejected(gateway.rejected),
        control_plane=connection.control_plane.name,
    )


def _find_last_state(name: str, sources: Sources, others: OtherControlPlanes) -> states.GatewayState | None:
    """Return the state of a gateway that isn't connected, by the control plane that has seen it last."""
    candidates = sources.states.find(name), read_state(others.last_connections.get(name))
    return max((state for state in candidates if state), key=lambda state: state.seen_at, default=None)


def _describe_rejected(reasons: Mapping[tuple[str, str], str]) -> tuple[RejectedResource, ...]:
    return tuple(
        RejectedResource(type_url.rpartition(".")[2], name, reason) for (type_url, name), reason in reasons.items()
    )


def read_state(connection: Connection | None) -> states.GatewayState | None:
    """Return what another control plane has recorded of a gateway's connection and last report."""
    if connection is None:
        return None
    gateway = connection.gateway
    report = None
    with suppress(MalformedMessage):  # of another version
        report = Report.from_members(Members(gateway.report)) if gateway.report else None
    return states.GatewayState(
        Peer(gateway.name, gateway.group),
        gateway.address,
        gateway.connected_since,
        gateway.seen_at,
        report,
        gateway.clock_offset,
    )


def _summarize(status: GatewayStatus) -> GatewayStatus:
    """Leave out what only operators may see, such as names of other organizations' resources."""
    return replace(status, gateway=None, rejected_resources=(), reported_state=None)
