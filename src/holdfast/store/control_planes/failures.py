"""
Queries for failures that control planes share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from holdfast.store.tables import ControlPlaneRow, FailureRow
from holdfast.store.upsert import insert_into

AT_ONCE = 200  # rows that are read
PartKey = tuple[str, str, str]  # cluster, gateway, part


@dataclass(frozen=True, slots=True)
class SharedPart:
    """A part of what is known about a failing backend at a gateway; without *body*, it has ended."""

    key: PartKey
    control_plane: str
    number: int
    written_at: datetime
    body: bytes | None


def save(session: Session, parts: Sequence[SharedPart]) -> None:
    """Insert *parts*, or replace those with the same keys."""
    if not parts:
        return
    values = [
        {
            "cluster": part.key[0],
            "gateway": part.key[1],
            "part": part.key[2],
            "control_plane": part.control_plane,
            "number": part.number,
            "written_at": part.written_at,
            "body": part.body,
        }
        for part in parts
    ]
    statement = insert_into(session, FailureRow)
    updates = {name: statement.excluded[name] for name in ("control_plane", "number", "written_at", "body")}
    session.execute(
        statement.on_conflict_do_update(index_elements=["cluster", "gateway", "part"], set_=updates), values
    )


def find_unread(session: Session, last_numbers: Mapping[str, int]) -> list[SharedPart]:
    """Return some rows, each control plane's in order, whose numbers are higher than its one in *last_numbers*."""
    table = FailureRow
    newer = [and_(table.control_plane == name, table.number > number) for name, number in last_numbers.items()]
    query = select(table).where(or_(table.control_plane.not_in(last_numbers), *newer))
    rows = session.scalars(query.order_by(table.control_plane, table.number).limit(AT_ONCE))
    return [
        SharedPart(
            (row.cluster, row.gateway, row.part),
            row.control_plane,
            row.number,
            row.written_at,
            row.body,
        )
        for row in rows
    ]


def remove_ends(session: Session, before: datetime) -> None:
    """Delete rows without a body that were written *before* this time."""
    session.execute(delete(FailureRow).where(FailureRow.body.is_(None), FailureRow.written_at < before))


def remove_of_ended(session: Session, seen_after: datetime) -> None:
    """Delete what control planes wrote that were not seen after a time of the database's clock."""
    # In one statement, so that it sees each control plane whose rows it sees.
    live = select(ControlPlaneRow.id).where(ControlPlaneRow.seen_at > seen_after)
    session.execute(delete(FailureRow).where(FailureRow.control_plane.not_in(live)))
