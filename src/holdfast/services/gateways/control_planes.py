"""
The state of the control planes that share the database, for operators.
"""

from dataclasses import dataclass, replace

from holdfast.apis.gateways.control_plane import ControlPlane, find_deviations
from holdfast.services.access.context import Context
from holdfast.services.control_planes.lease import TASKS
from holdfast.services.control_planes.presence import Presence
from holdfast.services.gateways.operators import require_operator
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes, leases


@dataclass(frozen=True, slots=True)
class ControlPlaneStatus:
    """
    A control plane, whether it is live, and whether it does the work that is done once.

    *deviating* are the variables of settings that differ from those of most live control planes.
    """

    control_plane: ControlPlane
    is_live: bool
    has_lease: bool
    deviating: tuple[str, ...] = ()


def list_control_planes(context: Context, presence: Presence) -> list[ControlPlaneStatus]:
    """
    Return the live control planes, and those that ended within the last hour without a clean stop, by name.

    Every control plane returns the same. Raises NotPermitted.
    """
    require_operator(context)
    if not presence.is_shared:
        return [ControlPlaneStatus(replace(presence.own, seen_at=context.now), is_live=True, has_lease=True)]
    with context.read() as session:
        now = read_database_time(session)
        all_planes, holder = control_planes.list_known(session, now), leases.get_holder(session, TASKS, now)
    live = [control_plane for control_plane in all_planes if control_planes.is_live(control_plane, now)]
    deviations = find_deviations(live)
    return [
        ControlPlaneStatus(
            control_plane, control_plane in live, control_plane.id == holder, deviations.get(control_plane.id, ())
        )
        for control_plane in all_planes
    ]
