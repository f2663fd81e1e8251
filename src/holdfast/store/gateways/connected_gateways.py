"""
Queries for the gateways that are connected to each control plane.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from holdfast.apis.gateways.connected_gateway import ConnectedGateway
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import ConnectedGatewayRow, ControlPlaneRow, GatewayOverviewRow


@dataclass(frozen=True, slots=True)
class Overview:
    """
    The overview that the control plane *id* gives of its gateways: *version* grows with each transaction that does.

    *revision* is the revision of the configuration that its gateways' states refer to; *enforced* are JSON values.
    """

    id: str
    version: int
    revision: int
    enforced: Sequence[Any]


@dataclass(frozen=True, slots=True)
class ControlPlaneOverview:
    """A control plane, and its overview if it has written one."""

    id: str
    name: str
    overview: Overview | None


def list_overviews(session: Session, seen_after: datetime) -> list[ControlPlaneOverview]:
    """Return the overviews of the control planes that were seen after a time of the database's clock."""
    plane, row = ControlPlaneRow, GatewayOverviewRow
    query = (
        select(plane.id, plane.name, row.version, row.revision, row.enforced)
        .join_from(plane, row, row.control_plane_id == plane.id, isouter=True)
        .where(plane.seen_at > seen_after)
    )
    return [
        ControlPlaneOverview(id_, name, None if version is None else Overview(id_, version, revision, enforced))
        for id_, name, version, revision, enforced in session.execute(query)
    ]


def begin(session: Session, overview: Overview) -> None:
    """Write the first overview of a control plane, and forget all that it has written before."""
    for table in (GatewayOverviewRow, ConnectedGatewayRow):
        session.execute(delete(table).where(table.control_plane_id == overview.id))
    session.execute(insert(GatewayOverviewRow).values(control_plane_id=overview.id, **_write_overview(overview)))


def update_overview(session: Session, overview: Overview) -> bool:
    """Replace the overview with the version before this one; return whether it was there."""
    row = GatewayOverviewRow
    this = (row.control_plane_id == overview.id, row.version == overview.version - 1)
    return session.connection().execute(update(row).where(*this).values(_write_overview(overview))).rowcount == 1


def replace(
    session: Session,
    control_plane: str,
    obsolete_names: Collection[str],
    gateways: Iterable[ConnectedGateway],
    now: datetime,
) -> None:
    """Replace the rows of gateways of a control plane; *now* is used for those that weren't recorded before."""
    rows = [_write_values(control_plane, gateway, now) for gateway in gateways]
    table = ConnectedGatewayRow
    names = [*obsolete_names, *(row["name"] for row in rows)]
    session.execute(delete(table).where(table.control_plane_id == control_plane, table.name.in_(names)))
    if rows:
        session.execute(insert(table), rows)


def list_by_control_plane(session: Session, control_planes: Collection[str]) -> dict[str, dict[str, ConnectedGateway]]:
    """Return the gateways of some control planes, by control plane and name."""
    gateways: dict[str, dict[str, ConnectedGateway]] = {control_plane: {} for control_plane in control_planes}
    query = select(ConnectedGatewayRow).where(ConnectedGatewayRow.control_plane_id.in_(control_planes))
    for row in session.scalars(query):
        if gateway := read_stored(partial(_read, row), "connected gateway", "", gateway=row.name):
            gateways[row.control_plane_id][row.name] = gateway
    return gateways


def _write_overview(overview: Overview) -> dict[str, Any]:
    return {"version": overview.version, "revision": overview.revision, "enforced": list(overview.enforced)}


def _write_values(control_plane: str, gateway: ConnectedGateway, now: datetime) -> dict[str, Any]:
    return {
        "control_plane_id": control_plane,
        "name": gateway.name,
        "group_name": gateway.group,
        "address": gateway.address,
        "connected_since": gateway.connected_since,
        "recorded_at": gateway.recorded_at or now,
        "seen_at": gateway.seen_at,
        "applied": gateway.applied,
        "applied_since": gateway.applied_since,
        "behind": gateway.behind,
        "behind_since": gateway.behind_since,
        "missing": None if gateway.missing is None else sorted(map(list, gateway.missing)),
        "rejected": [[*key, reason] for key, reason in gateway.rejected.items()],
        "rejections": gateway.rejections,
        "report": gateway.report,
        "clock_offset": gateway.clock_offset.total_seconds() if gateway.clock_offset is not None else None,
    }


def _read(row: ConnectedGatewayRow) -> ConnectedGateway:
    return ConnectedGateway(
        name=row.name,
        group=row.group_name,
        address=row.address,
        connected_since=row.connected_since,
        seen_at=row.seen_at,
        applied=row.applied,
        applied_since=row.applied_since,
        behind=row.behind,
        behind_since=row.behind_since,
        missing=None if row.missing is None else frozenset((type_url, name) for type_url, name in row.missing),
        rejected={(type_url, name): reason for type_url, name, reason in row.rejected},
        rejections=row.rejections,
        report=row.report,
        clock_offset=None if row.clock_offset is None else timedelta(seconds=row.clock_offset),
        recorded_at=row.recorded_at,
    )
