"""
The course of conditions: which notifications follow from what was so before, and what is so now.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from holdfast.apis.notifications.event import (
    CALM_AFTER,
    DAMPING,
    Condition,
    Course,
    Damping,
    EventSeverity,
    Notification,
    Phase,
    Wording,
)

_UNDAMPED = Damping()


@dataclass(frozen=True, slots=True)
class Step:
    """The course of the condition *key* to store from now on (None: nothing), and the notification to send, if any."""

    key: str
    course: Course | None
    notification: Notification | None = None


def follow_conditions(
    organization: str,
    before: Mapping[str, Course],
    present: Mapping[str, Condition],
    now: datetime,
    is_silenced: Callable[[Condition], bool],
) -> Iterator[Step]:
    """Yield a step for each condition for which something changes. Both mappings are by key."""
    for key in {**before, **present}:
        course, condition = before.get(key), present.get(key)
        if condition:
            step = _continue(organization, course, condition, now, silenced=is_silenced(condition))
        else:
            assert course  # noqa: S101 - the key is from one of the two
            step = _disappear(organization, course, now)
        if step.course != course or step.notification:
            yield step


def _continue(organization: str, course: Course | None, condition: Condition, now: datetime, *, silenced: bool) -> Step:
    damping = DAMPING.get(condition.kind, _UNDAMPED)
    course = course or Course(condition, now)
    if course.ended_at:
        course = replace(course, first_seen_at=now, began_at=None, ended_at=None)
    course = replace(course, gone_since=None)
    if course.began_at is None:
        course = replace(course, condition=condition)
        if silenced or now - course.first_seen_at < damping.begins_after:
            return Step(condition.key, course)
        course = replace(course, began_at=now, notified_at=now, episodes=course.episodes + 1)
        return Step(condition.key, course, _notify(organization, condition, Phase.BEGAN, now))
    if condition.level == course.condition.level or silenced:
        return Step(condition.key, course)
    if course.notified_at and now - course.notified_at < damping.compute_hold(course.episodes):
        return Step(condition.key, course)
    course = replace(course, condition=condition, notified_at=now)
    return Step(condition.key, course, _notify(organization, condition, Phase.CHANGED, now))


def _disappear(organization: str, course: Course, now: datetime) -> Step:
    condition = course.condition
    damping = DAMPING.get(condition.kind, _UNDAMPED)
    if course.began_at is None and not course.episodes:
        return Step(condition.key, None)
    if course.ended_at or course.began_at is None:
        ended_at = course.ended_at or now
        course = replace(course, ended_at=ended_at)
        return Step(condition.key, course if now - ended_at < CALM_AFTER and damping.ends_after else None)
    gone_since = course.gone_since or now
    if now - gone_since < damping.compute_hold(course.episodes):
        return Step(condition.key, replace(course, gone_since=gone_since))
    course_after = replace(course, gone_since=gone_since, ended_at=now, notified_at=now) if damping.ends_after else None
    return Step(condition.key, course_after, _notify(organization, condition, Phase.ENDED, now))


def _notify(organization: str, condition: Condition, phase: Phase, now: datetime) -> Notification:
    is_end = phase is Phase.ENDED
    wording: Wording = (condition.end or condition.wording) if is_end else condition.wording
    return Notification(
        organization,
        now,
        condition.key,
        condition.kind,
        phase,
        EventSeverity.INFO if is_end else condition.severity,
        wording,
        condition.about,
        quiet=is_end and condition.end is None,
    )
