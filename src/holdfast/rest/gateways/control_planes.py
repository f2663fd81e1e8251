"""
`/control-planes`: the control planes that share the database.
"""

from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.gateways import responses
from holdfast.rest.gateways.responses import ControlPlanes
from holdfast.rest.prefixes import PREFIX
from holdfast.rest.router import Router
from holdfast.services.gateways.control_planes import ControlPlaneStatus, list_control_planes

PATH = f"{PREFIX}/control-planes"
router = Router(prefix=PATH, tags=["Gateways"])


@router.get("")
def list_all(runtime: CurrentRuntime, context: RequestContext) -> ControlPlanes:
    """
    List control planes.

    Returns the control planes that share the database, and for an hour those that ended without a clean stop, ordered
    by name. `doesTasks` is true for the one that does the work that is done once; `deviatingSettings` are variables
    whose values differ from those of most live control planes. Only for admins of the organization `default`.
    """
    control_planes = [_describe(control_plane) for control_plane in list_control_planes(context, runtime.presence)]
    return {"count": len(control_planes), "list": control_planes}


def _describe(status: ControlPlaneStatus) -> responses.ControlPlane:
    control_plane = status.control_plane
    return {
        "name": control_plane.name,
        "version": control_plane.version,
        "startedTime": control_plane.started_at.isoformat(),
        "lastSeen": control_plane.seen_at.isoformat(),
        "live": status.is_live,
        "doesTasks": status.has_lease,
        "discovery": list(control_plane.discovery),
        "deviatingSettings": list(status.deviating),
    }
