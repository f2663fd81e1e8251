"""
Queries for groups of gateways, which belong to the installation.
"""

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from holdfast.apis.gateways.group import Group
from holdfast.store.tables import GatewayGroupRow

_ALL = select(GatewayGroupRow).order_by(GatewayGroupRow.name)


def insert(session: Session, group: Group) -> None:
    """Insert a new group."""
    session.add(GatewayGroupRow(name=group.name, created_at=group.created_at, **_write_values(group)))
    session.flush()


def save(session: Session, group: Group) -> None:
    """Update all values of an existing group."""
    session.execute(update(GatewayGroupRow).where(GatewayGroupRow.name == group.name).values(**_write_values(group)))


def remove(session: Session, name: str) -> None:
    """Delete a group."""
    session.execute(delete(GatewayGroupRow).where(GatewayGroupRow.name == name))


def list_all(session: Session) -> list[Group]:
    """Return all groups, ordered by name."""
    return [_read_group(row) for row in session.scalars(_ALL)]


def list_names(session: Session) -> list[str]:
    """Return the names of all groups, in order."""
    return list(session.scalars(select(GatewayGroupRow.name).order_by(GatewayGroupRow.name)))


def get(session: Session, name: str) -> Group | None:
    """Return the group with this name."""
    row = session.scalar(select(GatewayGroupRow).where(GatewayGroupRow.name == name))
    return _read_group(row) if row else None


def _write_values(group: Group) -> dict[str, object]:
    return {
        "display_name": group.display_name,
        "description": group.description,
        "urls": dict(group.urls),
        "listen": {member: [list(address) for address in addresses] for member, addresses in group.listen.items()},
        "updated_at": group.updated_at,
    }


def _read_group(row: GatewayGroupRow) -> Group:
    return Group(
        name=row.name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        display_name=row.display_name,
        description=row.description,
        urls=row.urls,
        listen={member: tuple((host, port) for host, port in addresses) for member, addresses in row.listen.items()},
    )
