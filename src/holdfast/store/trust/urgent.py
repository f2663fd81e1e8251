"""
Queries for endpoint certificates that someone should do something about: numbers, and the most urgent one of each kind.

Rows must have their facts (facts.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.apis.trust.endpoint_certificate import Generation
from holdfast.store.chunks import split_values
from holdfast.store.tables import EndpointCertificateRow, GatewayIdentityRow, TrustedCertificateRow
from holdfast.store.trust.unused_origins import is_unused
from holdfast.store.unindexed import disable_index

_TABLE = EndpointCertificateRow


@dataclass(frozen=True, slots=True)
class UrgentCertificates:
    """The *count* of some endpoint certificates, and the alias, endpoint and time of the first; only if it isn't 0."""

    count: int
    alias: str = ""
    endpoint: str = ""
    at: datetime | None = None


def find_expiring(
    session: Session, organization: str, before: datetime, after: datetime | None, unused_origins: Sequence[str]
) -> UrgentCertificates:
    """Find those whose first expiry is before *before*, and not before *after*, except at *unused_origins*."""
    conditions = [_TABLE.organization_id == organization, _TABLE.expires_at < before]
    if after:
        conditions.append(_TABLE.expires_at >= after)
    # Most are in use, and to read that for each takes ten times as long.
    count = _count(session, *conditions) - _count_at(session, unused_origins, *conditions)
    return _find_first(session, count, [*conditions, ~is_unused(_TABLE)], _TABLE.expires_at)


def find_unused(session: Session, organization: str, unused_origins: Sequence[str]) -> UrgentCertificates:
    """Find those that no API uses, the first to expire of the first of *unused_origins* first."""
    own = _TABLE.organization_id == organization
    count = _count_at(session, unused_origins, own)
    return _find_first(session, count, [own, _TABLE.origin.in_(unused_origins[:1])], _TABLE.expires_at)


def find_unused_identities(session: Session, organization: str) -> UrgentCertificates:
    """Find gateway identities for origins that no API uses, by origin; the first one's origin is the *endpoint*."""
    table = GatewayIdentityRow
    conditions = (table.organization_id == organization, is_unused(table))
    count, first = session.execute(select(func.count(), func.min(table.origin)).where(*conditions)).one()
    return UrgentCertificates(count, endpoint=first or "")


def find_retirable(
    session: Session, organization: str, now: datetime, seen_since: datetime, quiet_since: datetime
) -> UrgentCertificates:
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
        disable_index(_TABLE.organization_id) == organization,
        _TABLE.id.in_(previous),
        and_(_TABLE.observed.in_([Generation.CURRENT, Generation.BOTH]), _TABLE.observed_at >= seen_since),
        valid,
        since <= quiet_since,
    ]
    return _find_first(session, _count(session, *conditions), conditions, _TABLE.replaced_at)


def _find_first(
    session: Session, count: int, conditions: list[ColumnElement[bool]], order: InstrumentedAttribute[Any]
) -> UrgentCertificates:
    """Return the *count* of those with *conditions*, and the first of them in *order*."""
    if not count:
        return UrgentCertificates(0)
    first = select(_TABLE.alias, _TABLE.endpoint, order).where(*conditions).order_by(order, _TABLE.alias).limit(1)
    return UrgentCertificates(count, *session.execute(first).one())


def _count(session: Session, *conditions: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(_TABLE).where(*conditions)) or 0


def _count_at(session: Session, origins: Sequence[str], *conditions: ColumnElement[bool]) -> int:
    """Return the number of those at *origins* with *conditions*."""
    return sum(_count(session, *conditions, _TABLE.origin.in_(chunk)) for chunk in split_values(origins))
