"""
Queries for gateways.
"""

from collections.abc import Sequence
from functools import partial

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from holdfast.apis.gateways.gateway import Gateway, IssuedCertificate, Placement
from holdfast.store.stored_values import read_stored, read_text_members
from holdfast.store.tables import GatewayCertificateRow, GatewayRow, JoinTokenRow


def insert(session: Session, gateway: Gateway) -> None:
    """Insert a gateway, without certificate or token."""
    row = GatewayRow(
        id=gateway.id,
        organization_id=gateway.organization,
        name=gateway.name,
        group_name=gateway.placement.group,
        labels=dict(gateway.placement.labels),
        created_at=gateway.created_at,
        enrolled_at=gateway.enrolled_at,
    )
    session.add(row)
    session.flush()


def update_placement(session: Session, gateway: Gateway) -> None:
    """Store the placement of *gateway*, and when it joined."""
    this = (GatewayRow.organization_id == gateway.organization, GatewayRow.id == gateway.id)
    values = {
        "group_name": gateway.placement.group,
        "labels": dict(gateway.placement.labels),
        "enrolled_at": gateway.enrolled_at,
    }
    session.execute(update(GatewayRow).where(*this).values(values))


def remove(session: Session, gateway: Gateway) -> None:
    """Delete a gateway with its certificates and tokens."""
    this = (GatewayRow.organization_id == gateway.organization, GatewayRow.id == gateway.id)
    session.execute(delete(GatewayRow).where(*this))


def get(session: Session, organization: str, name: str) -> Gateway | None:
    """Return the gateway with this name."""
    query = select(GatewayRow).where(GatewayRow.organization_id == organization, GatewayRow.name == name)
    return next(iter(_read_gateways(session, organization, session.scalars(query).all())), None)


def find(session: Session, organization: str, offset: int = 0, limit: int | None = None) -> tuple[list[Gateway], int]:
    """Return a page of gateways, ordered by name, and the number of all."""
    query = select(GatewayRow).where(GatewayRow.organization_id == organization).order_by(GatewayRow.name)
    rows = session.scalars(query.offset(offset).limit(limit)).all()
    return _read_gateways(session, organization, rows), count(session, organization)


def list_joined(session: Session) -> list[tuple[str, str]]:
    """Return the names of all gateways that have joined, in order, each with its group."""
    query = select(GatewayRow.name, GatewayRow.group_name).where(GatewayRow.enrolled_at.is_not(None))
    return [(row[0], row[1]) for row in session.execute(query.order_by(GatewayRow.name))]


def list_names_in(session: Session, group: str) -> list[str]:
    """Return the names of the gateways that belong to a group, or that can join it with a token, in order."""
    joining = select(JoinTokenRow.gateway_id).where(JoinTokenRow.group_name == group, JoinTokenRow.used_at.is_(None))
    belongs = or_(GatewayRow.group_name == group, GatewayRow.id.in_(joining))
    return list(session.scalars(select(GatewayRow.name).where(belongs).order_by(GatewayRow.name)))


def count(session: Session, organization: str) -> int:
    """Return the number of gateways."""
    return (
        session.scalar(select(func.count()).select_from(GatewayRow).where(GatewayRow.organization_id == organization))
        or 0
    )


def _read_gateways(session: Session, organization: str, rows: Sequence[GatewayRow]) -> list[Gateway]:
    ids = [row.id for row in rows]
    table = GatewayCertificateRow
    of_these = (table.organization_id == organization, table.gateway_id.in_(ids))
    certificate_rows = session.scalars(select(table).where(*of_these).order_by(table.issued_at, table.not_after))
    certificates = {row.gateway_id: row for row in certificate_rows}  # the newest of each
    unused_tokens = select(JoinTokenRow.gateway_id, JoinTokenRow.expires_at).where(
        JoinTokenRow.organization_id == organization,
        JoinTokenRow.gateway_id.in_(ids),
        JoinTokenRow.used_at.is_(None),
    )
    expiries = {row[0]: row[1] for row in session.execute(unused_tokens)}
    return [
        Gateway(
            id=row.id,
            organization=row.organization_id,
            name=row.name,
            placement=Placement(row.group_name, _read_labels(row)),
            created_at=row.created_at,
            enrolled_at=row.enrolled_at,
            certificate=_read_certificate(certificates[row.id]) if row.id in certificates else None,
            join_by=expiries.get(row.id),
        )
        for row in rows
    ]


def _read_labels(row: GatewayRow) -> dict[str, str]:
    return read_stored(partial(read_text_members, row.labels), "labels", row.organization_id, gateway=row.name) or {}


def _read_certificate(row: GatewayCertificateRow) -> IssuedCertificate:
    return IssuedCertificate(row.fingerprint, row.not_before, row.not_after, row.issued_at)
