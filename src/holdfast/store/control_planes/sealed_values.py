"""
Queries for the value that shows whether a control plane has the sealing key of the database.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from holdfast.store.tables import SealedValueRow
from holdfast.store.upsert import insert_into, upsert

NAME = "sealing key"


def get(session: Session) -> bytes | None:
    """Return the sealed value; None until a control plane has stored it."""
    return session.scalar(select(SealedValueRow.sealed).where(SealedValueRow.name == NAME))


def insert(session: Session, sealed_value: bytes) -> None:
    """Store the sealed value, unless there is one already."""
    session.execute(
        insert_into(session, SealedValueRow).values(name=NAME, sealed=sealed_value).on_conflict_do_nothing()
    )


def save(session: Session, sealed_value: bytes) -> None:
    """Store or replace the sealed value."""
    session.execute(upsert(session, SealedValueRow, {"name": NAME, "sealed": sealed_value}, key=("name",)))
