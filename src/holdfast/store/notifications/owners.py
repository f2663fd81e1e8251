"""
Queries for the owners of APIs (`api:ID`) and endpoint certificates (`certificate:ALIAS`).
"""

from collections.abc import Collection, Sequence
from functools import partial

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.store.chunks import split_values
from holdfast.store.stored_values import read_stored, read_texts
from holdfast.store.tables import OwnerRow
from holdfast.store.upsert import upsert


def list_by_object(session: Session, organization: str, objects: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the owners of each of *objects* that has any."""
    table = OwnerRow
    owners: dict[str, tuple[str, ...]] = {}
    for chunk in split_values(objects):
        own = (table.organization_id == organization, table.object.in_(chunk))
        for row in session.scalars(select(table).where(*own)):
            if value := read_owners(row):
                owners[row.object] = value
    return owners


def read_owners(row: OwnerRow) -> tuple[str, ...]:
    """Return the owners in *row*; none if they can't be read."""
    return read_stored(partial(read_texts, row.owners), "owners", row.organization_id, object=row.object) or ()


def save(session: Session, organization: str, object_key: str, owners: Sequence[str]) -> None:
    """Store the owners of an object; none: delete them."""
    row = OwnerRow
    if owners:
        values = {"organization_id": organization, "object": object_key, "owners": list(owners)}
        session.execute(upsert(session, row, values, ["organization_id", "object"]))
    else:
        session.execute(delete(row).where(row.organization_id == organization, row.object == object_key))
