"""
Queries for the owners of APIs (`api:ID`) and endpoint certificates (`certificate:ALIAS`).
"""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast.store.tables import OwnerRow
from holdfast.store.upsert import upsert

_CHUNK = 500


def list_by_object(session: Session, organization: str, objects: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the owners of each of *objects* that has any."""
    row, wanted = OwnerRow, sorted(set(objects))
    owners: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(wanted), _CHUNK):
        own = (row.organization_id == organization, row.object.in_(wanted[start : start + _CHUNK]))
        owners |= {owned.object: tuple(owned.owners) for owned in session.scalars(select(row).where(*own))}
    return owners


def save(session: Session, organization: str, owned: str, owners: Sequence[str]) -> None:
    """Store the owners of an object; none: delete them."""
    row = OwnerRow
    if owners:
        values = {"organization_id": organization, "object": owned, "owners": list(owners)}
        session.execute(upsert(session, row, values, ["organization_id", "object"]))
    else:
        session.execute(delete(row).where(row.organization_id == organization, row.object == owned))
