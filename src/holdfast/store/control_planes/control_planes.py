"""
Queries for the control planes that share a database.
"""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from holdfast.apis.gateways.control_plane import ControlPlane
from holdfast.store.revisions import get_newest_revision
from holdfast.store.stored_values import read_stored, read_text_members, read_texts
from holdfast.store.tables import ControlPlaneRow
from holdfast.store.upsert import upsert

LIVE_FOR = timedelta(seconds=10)  # after it was last seen
SHOWN_FOR = timedelta(hours=1)  # since it was last seen, so that operators see that it is missing
_NEWEST = 100  # rows that are read; each start without a clean stop leaves one


def save(session: Session, control_plane: ControlPlane, home: str, now: datetime) -> None:
    """Insert or update a control plane, as seen at *now*; *home* is the id of its data directory."""
    values = {
        "id": control_plane.id,
        "name": control_plane.name,
        "version": control_plane.version,
        "home": home,
        "started_at": control_plane.started_at,
        "seen_at": now,
        "discovery": list(control_plane.discovery),
        "publisher_pin": control_plane.publisher_pin,
        "settings": dict(control_plane.settings),
        "schema_revision": get_newest_revision(),
    }
    session.execute(upsert(session, ControlPlaneRow, values, key=("id",)))


def list_live(session: Session, now: datetime) -> list[ControlPlane]:
    """Return the control planes that were seen within LIVE_FOR, in order of their names."""
    return [control_plane for control_plane in list_known(session, now) if is_live(control_plane, now)]


def list_older_than(session: Session, revision: str, now: datetime) -> list[str]:
    """Return the names of live control planes whose version doesn't know *revision* of the tables."""
    row = ControlPlaneRow
    older = or_(row.schema_revision.is_(None), row.schema_revision < revision)
    return list(session.scalars(select(row.name).where(row.seen_at > now - LIVE_FOR, older).order_by(row.name)))


def is_live(control_plane: ControlPlane, now: datetime) -> bool:
    """Return whether a control plane was seen within LIVE_FOR."""
    return control_plane.seen_at > now - LIVE_FOR


def list_known(session: Session, now: datetime) -> list[ControlPlane]:
    """Return those seen within SHOWN_FOR, live or not, in order of their names; at most the newest 100."""
    query = select(ControlPlaneRow).where(ControlPlaneRow.seen_at > now - SHOWN_FOR)
    rows = session.scalars(query.order_by(ControlPlaneRow.seen_at.desc()).limit(_NEWEST)).all()
    return sorted(
        map(read_control_plane, rows), key=lambda control_plane: (control_plane.name, control_plane.started_at)
    )


def remove(session: Session, control_plane_id: str) -> None:
    """Delete a control plane that ends."""
    session.execute(delete(ControlPlaneRow).where(ControlPlaneRow.id == control_plane_id))


def remove_predecessors(session: Session, control_plane_id: str, home: str | None) -> None:
    """Delete other control planes of the data directory *home* (None: of any), which ended without doing so."""
    statement = delete(ControlPlaneRow).where(ControlPlaneRow.id != control_plane_id)
    session.execute(statement if home is None else statement.where(ControlPlaneRow.home == home))


def read_control_plane(row: ControlPlaneRow) -> ControlPlane:
    """Return the control plane in *row*, without what can't be read."""
    return ControlPlane(
        row.id,
        row.name,
        row.version,
        row.started_at,
        row.seen_at,
        read_stored(partial(read_texts, row.discovery), "addresses", "", control_plane=row.name) or (),
        row.publisher_pin,
        read_stored(partial(read_text_members, row.settings), "settings", "", control_plane=row.name) or {},
    )
