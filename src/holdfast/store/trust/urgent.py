"""
Queries for endpoint certificates that someone should do something about: numbers, and the most urgent one of each kind.

Rows must have their facts (facts.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, null, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.apis.trust.endpoint_certificate import Generation
from holdfast.store.tables import EndpointCertificateRow, GatewayIdentityRow, TrustedCertificateRow
from holdfast.store.trust.unused_origins import is_unused

_TABLE = EndpointCertificateRow


@dataclass(frozen=True, slots=True)
class Urgent:
    """The *count* of some endpoint certificates, and the alias, endpoint and time of the first; only if it isn't 0."""

    count: int
    alias: str = ""
    endpoint: str = ""
    at: datetime | None = None


def find_expiring(session: Session, organization: str, before: datetime, after: datetime | None) -> Urgent:
    """Find those in use whose first expiry is before *before*, and not before *after*."""
    conditions = [_TABLE.organization_id == organization, _TABLE.expires_at < before, ~is_unused(_TABLE)]
    if after:
        conditions.append(_TABLE.expires_at >= after)
    return _find(session, conditions, _TABLE.expires_at)


def find_unused(session: Session, organization: str) -> Urgent:
    """Find those that no API uses, the first to expire of the first origin first."""
    of_organization = _TABLE.organization_id == organization
    # By origin, because there are fewer, and their index has all that is needed.
    grouped = select(_TABLE.organization_id, _TABLE.origin, func.count().label("number")).where(of_organization)
    origins = grouped.group_by(_TABLE.organization_id, _TABLE.origin).subquery()
    unused = is_unused(origins.c)
    count, origin = session.execute(select(func.sum(origins.c.number), func.min(origins.c.origin)).where(unused)).one()
    if not count:
        return Urgent(0)
    first = select(_TABLE.alias, _TABLE.endpoint, _TABLE.expires_at).where(of_organization, _TABLE.origin == origin)
    row = session.execute(first.order_by(_TABLE.expires_at, _TABLE.alias).limit(1)).one()
    return Urgent(int(count), *row)


def find_unused_identities(session: Session, organization: str) -> Urgent:
    """Find gateway identities for origins that no API uses, by origin; the first one's origin is the *endpoint*."""
    table = GatewayIdentityRow
    unused = (table.organization_id == organization, is_unused(table))
    count, first = session.execute(select(func.count(), func.min(table.origin)).where(*unused)).one()
    return Urgent(count, endpoint=first or "")


def find_retirable(
    session: Session, organization: str, now: datetime, seen_since: datetime, quiet_since: datetime
) -> Urgent:
    """
    Find those whose previous certificates can be retired, as `rotation.should_retire` decides.

    A probe since *seen_since* saw the backend use a valid current certificate, and none since *quiet_since* saw it
    need the previous ones.
    """
    part = TrustedCertificateRow
    of_entry = part.endpoint_certificate_id == _TABLE.id
    previous = select(part.endpoint_certificate_id).where(part.previous)
    valid = exists().where(of_entry, ~part.previous, part.not_before <= now, part.not_after >= now)
    first, last = _TABLE.current_first_seen_at, _TABLE.previous_last_needed_at
    since = case((or_(last.is_(None), first > last), first), else_=last)
    conditions = [
        # So that SQLite begins with the few previous certificates, not with all of the organization.
        func.coalesce(_TABLE.organization_id, null()) == organization,
        _TABLE.id.in_(previous),
        and_(_TABLE.observed.in_([Generation.CURRENT, Generation.BOTH]), _TABLE.observed_at >= seen_since),
        valid,
        since <= quiet_since,
    ]
    return _find(session, conditions, _TABLE.replaced_at)


def _find(session: Session, conditions: list[ColumnElement[bool]], order: InstrumentedAttribute[Any]) -> Urgent:
    first = select(_TABLE.alias, _TABLE.endpoint, order).where(*conditions).order_by(order, _TABLE.alias).limit(1)
    row = session.execute(first).first()
    if row is None:
        return Urgent(0)
    count = session.scalar(select(func.count()).select_from(_TABLE).where(*conditions))
    return Urgent(count or 0, *row)
