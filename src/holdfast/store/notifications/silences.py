"""
Queries for silences.
"""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.apis.notifications.event import EventKind
from holdfast.apis.notifications.silence import Silence
from holdfast.store.tables import SilenceRow


def insert(session: Session, silence: Silence) -> None:
    """Insert a silence."""
    row = SilenceRow(
        id=silence.id,
        organization_id=silence.organization,
        kind=silence.kind.value if silence.kind else None,
        about=silence.about,
        reason=silence.reason,
        created_by=silence.created_by,
        created_at=silence.created_at,
        ends_at=silence.ends_at,
    )
    session.add(row)
    session.flush()


def remove(session: Session, silence: Silence) -> None:
    """Delete a silence."""
    row = SilenceRow
    session.execute(delete(row).where(row.organization_id == silence.organization, row.id == silence.id))


def get(session: Session, organization: str, silence_id: str, now: datetime) -> Silence | None:
    """Return the silence with this id, unless it has ended."""
    return next((silence for silence in list_active(session, organization, now) if silence.id == silence_id), None)


def list_active(session: Session, organization: str, now: datetime) -> list[Silence]:
    """Return the silences of an organization that haven't ended, the first to end first."""
    row = SilenceRow
    query = select(row).where(row.organization_id == organization, row.ends_at > now).order_by(row.ends_at, row.id)
    kinds = {None, *EventKind}
    # SQLite compares texts: one that isn't a time may be greater than every time.
    return [
        read_silence(silence) for silence in session.scalars(query) if silence.kind in kinds and silence.ends_at > now
    ]


def read_silence(row: SilenceRow) -> Silence:
    """Return the silence in *row*. Raises ValueError for a kind of another version."""
    return Silence(
        row.id,
        row.organization_id,
        EventKind(row.kind) if row.kind else None,
        row.about,
        row.reason,
        row.created_by,
        row.created_at,
        row.ends_at,
    )
