"""
Control planes of an earlier version, which would ignore parts of a change.
"""

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import Api
from holdfast.services.errors import OldControlPlanes
from holdfast.store import compatibility
from holdfast.store.clock import read_database_time
from holdfast.store.control_planes import control_planes

KNOWS_PRIORITIES = "0046"  # the first revision of the tables whose code applies priorities of endpoints


def refuse_old_control_planes(session: Session, known_from: str, *, problem: str, effect: str) -> None:
    """
    Raise OldControlPlanes if one is live; afterwards, none can start.

    *known_from* is the first revision of the tables whose code knows what the change needs, *problem* and *effect* are
    for the error.
    """
    names = control_planes.list_older_than(session, known_from, read_database_time(session))
    if names:
        raise OldControlPlanes(names, problem, effect)
    compatibility.require_revision(session, known_from)


def refuse_ignored_priorities(session: Session, api: Api) -> None:
    """Raise OldControlPlanes if *api* has priorities that a live control plane would ignore."""
    if any(group and group.has_priorities for group in (api.production_group, api.sandbox_group)):
        refuse_old_control_planes(
            session,
            KNOWS_PRIORITIES,
            problem="Endpoints can't have a priority other than 1",
            effect="its gateways would send requests to all of them",
        )
