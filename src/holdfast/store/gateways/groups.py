"""
Queries for groups of gateways, which belong to the installation.
"""

from functools import partial
from ipaddress import ip_address

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from holdfast.apis.gateways.group import DEFAULT_GROUP, Address, Group, check_urls
from holdfast.store.stored_values import read_members, read_stored
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
    return [read_group(row) for row in session.scalars(_ALL)]


def list_names(session: Session) -> list[str]:
    """Return the names of all groups, in order."""
    return list(session.scalars(select(GatewayGroupRow.name).order_by(GatewayGroupRow.name)))


def get(session: Session, name: str) -> Group | None:
    """Return the group with this name."""
    row = session.scalar(select(GatewayGroupRow).where(GatewayGroupRow.name == name))
    return read_group(row) if row else None


def _write_values(group: Group) -> dict[str, object]:
    return {
        "display_name": group.display_name,
        "description": group.description,
        "urls": dict(group.urls),
        "listen": {member: [list(address) for address in addresses] for member, addresses in group.listen.items()},
        "updated_at": group.updated_at,
    }


def read_group(row: GatewayGroupRow) -> Group:
    """Return the group in *row*, without what can't be read."""
    # Gateways of the default group listen on the addresses in the settings, whatever is stored.
    read = partial(_read_listen, row)
    listen = {} if row.name == DEFAULT_GROUP else read_stored(read, "addresses of a group", "", group=row.name)
    return Group(
        name=row.name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        display_name=row.display_name,
        description=row.description,
        urls=read_stored(partial(_read_urls, row), "URLs of a group", "", group=row.name) or {},
        listen=listen or {},
        is_unreadable=listen is None,
    )


def _read_urls(row: GatewayGroupRow) -> dict[str, str]:
    return check_urls(read_members(row.urls))


def _read_listen(row: GatewayGroupRow) -> dict[str, tuple[Address, ...]]:
    addresses = read_members(row.listen).items()
    return {member: tuple((str(ip_address(host)), int(port)) for host, port in pairs) for member, pairs in addresses}
