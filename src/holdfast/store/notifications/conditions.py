"""
Queries for conditions that people are notified of, and for the last audit event that was considered.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from holdfast.apis.notifications.event import Course, EventKind, read_condition, write_body
from holdfast.store.journal import AuditEvent
from holdfast.store.stored_values import read_stored
from holdfast.store.tables import AuditEventRow, ConditionRow, NotificationCursorRow
from holdfast.store.upsert import upsert


def list_courses(session: Session, organization: str, kinds: Collection[EventKind]) -> dict[str, Course | None]:
    """Return what is stored of the conditions of these kinds, by key; None for what can't be read."""
    row = ConditionRow
    own = (row.organization_id == organization, row.kind.in_([kind.value for kind in kinds]))
    return {
        condition.key: read_stored(partial(read_course, condition), "condition", organization, key=condition.key)
        for condition in session.scalars(select(row).where(*own))
    }


def replace(session: Session, organization: str, keys: Collection[str], remaining_courses: Iterable[Course]) -> None:
    """Replace what is stored of the conditions *keys* by *remaining_courses*."""
    row = ConditionRow
    session.execute(delete(row).where(row.organization_id == organization, row.key.in_(keys)))
    if values := [_write_values(organization, course) for course in remaining_courses]:
        session.execute(insert(row), values)


def forget_without_channels(session: Session, with_channels: Collection[str]) -> None:
    """Delete what is stored for organizations other than these, so that their next channel receives everything."""
    for row in (ConditionRow, NotificationCursorRow):
        session.execute(delete(row).where(row.organization_id.not_in(with_channels)))


def has_any_without_channels(session: Session, with_channels: Collection[str]) -> bool:
    """Return whether something is stored for an organization other than these."""
    row = NotificationCursorRow
    return (
        session.scalar(select(row.organization_id).where(row.organization_id.not_in(with_channels)).limit(1))
        is not None
    )


def get_cursor(session: Session, organization: str) -> int | None:
    """Return the id of the last audit event that was considered; None if none ever was."""
    row = NotificationCursorRow
    return session.scalar(select(row.audit_event_id).where(row.organization_id == organization))


def move_cursor(session: Session, organization: str, audit_event: int) -> None:
    """Store the id of the last audit event that was considered."""
    values = {"organization_id": organization, "audit_event_id": audit_event}
    session.execute(upsert(session, NotificationCursorRow, values, ["organization_id"]))


def get_last_audit_event_id(session: Session) -> int:
    """Return the id of the last audit event of all organizations; 0 if there is none."""
    return session.scalar(select(func.max(AuditEventRow.id))) or 0


def list_audit_events_after(
    session: Session, organization: str, number: int, until: int, actions: Sequence[str]
) -> list[AuditEvent]:
    """Return the audit events with these actions after one and up to another, oldest first."""
    row = AuditEventRow
    own = (row.organization_id == organization, row.id > number, row.id <= until, row.action.in_(actions))
    return [AuditEvent.read(event) for event in session.scalars(select(row).where(*own).order_by(row.id))]


def _write_values(organization: str, course: Course) -> dict[str, Any]:
    return {
        "organization_id": organization,
        "key": course.condition.key,
        "kind": course.condition.kind.value,
        "level": course.condition.level,
        "body": write_body(course.condition),
        "first_seen_at": course.first_seen_at,
        "began_at": course.began_at,
        "notified_at": course.notified_at,
        "gone_since": course.gone_since,
        "ended_at": course.ended_at,
        "episodes": course.episodes,
    }


def read_course(row: ConditionRow) -> Course:
    """Return the course in *row*. Raises ValueError, TypeError or LookupError for what can't be read."""
    return Course(
        read_condition(row.key, row.level, row.body),
        row.first_seen_at,
        row.began_at,
        row.notified_at,
        row.gone_since,
        row.ended_at,
        row.episodes,
    )
