"""
Compare the present conditions with those that people were notified of, and put the difference into the outbox.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from holdfast.apis.catalog.api import DEFAULT_ORGANIZATION
from holdfast.apis.notifications.course import Step, follow_conditions
from holdfast.apis.notifications.event import Condition, EventKind, Notification, Phase
from holdfast.apis.notifications.silence import Silence
from holdfast.network.server_certificates import ServerCertificates, present_nothing
from holdfast.services.access.audit import SYSTEM
from holdfast.services.access.context import Context
from holdfast.services.access.principal import Principal
from holdfast.services.failures.failures import Failures
from holdfast.services.gateways.statuses import GatewayStatus, Sources, list_statuses
from holdfast.services.notifications.routing import address
from holdfast.services.notifications.silences import is_silenced
from holdfast.services.notifications.sources.backends import find_failing_backends
from holdfast.services.notifications.sources.certificates import (
    find_expiring_callers,
    find_expiring_certificates,
    find_expiring_identities,
    find_expiring_servers,
)
from holdfast.services.notifications.sources.exceptions import ACTIONS, describe_exceptions
from holdfast.services.notifications.sources.gateways import find_lost_gateways
from holdfast.services.notifications.sources.watched_endpoints import find_presented
from holdfast.store.catalog import apis
from holdfast.store.database import Notes
from holdfast.store.notifications import channels, conditions, outbox, owners, silences
from holdfast.store.topics import Topic

CERTIFICATES_EVERY = timedelta(minutes=10)
CHUNK = 500  # conditions in one transaction, so that no other writer waits long
_ALWAYS = (EventKind.BACKEND_FAILURE, EventKind.GATEWAY_CONNECTION)
_CERTIFICATES = (
    EventKind.CERTIFICATE_EXPIRY,
    EventKind.IDENTITY_EXPIRY,
    EventKind.CALLER_EXPIRY,
    EventKind.SERVER_EXPIRY,
    EventKind.PRESENTED_CERTIFICATE,
)


@dataclass(frozen=True, slots=True)
class ConditionSources:
    """The observations of this control plane, apart from the database."""

    failures: Failures
    gateways: Sources
    server_certificates: ServerCertificates = present_nothing


@dataclass(frozen=True, slots=True)
class _Current:
    """The present conditions of one organization."""

    present: dict[str, Condition]
    existing: frozenset[str]  # objects whose conditions can end: those of others end without a word


@dataclass(slots=True)
class Evaluation:
    """Evaluates all organizations that have channels. It isn't thread-safe."""

    sources: ConditionSources
    _looked_at: dict[str, datetime] = field(default_factory=dict)  # certificates, by organization

    def run(self, store: Notes, now: datetime, *, everything: bool = False) -> None:
        """Put what people should know at *now* into the outbox; certificates only now and then, unless *everything*."""
        with store.read() as session:
            organizations = channels.list_organizations(session)
            is_left = conditions.has_any_without_channels(session, organizations)
        if is_left:
            with store.note(Topic.NOTIFICATIONS) as session:
                conditions.forget_without_channels(session, organizations)
        for organization in organizations:
            last = self._looked_at.get(organization)
            with_certificates = everything or last is None or now - last >= CERTIFICATES_EVERY
            self._evaluate(store, organization, now, with_certificates=with_certificates)
            if with_certificates:
                self._looked_at[organization] = now
        self._looked_at = {
            organization_id: at for organization_id, at in self._looked_at.items() if organization_id in organizations
        }

    def _evaluate(self, store: Notes, organization: str, now: datetime, *, with_certificates: bool) -> None:
        kinds = (*_ALWAYS, *(_CERTIFICATES if with_certificates else ()))
        statuses = self._list_gateways(store, organization, now)
        with store.read() as session:
            active = silences.list_active(session, organization, now)
            courses_by_key = conditions.list_courses(session, organization, kinds)
            before = {key: course for key, course in courses_by_key.items() if course}
            current = self._find_all(session, organization, statuses, now, with_certificates=with_certificates)
            current = _keep_existing(
                session, organization, current, {key: state.condition for key, state in before.items()}
            )
            steps = list(follow_conditions(organization, before, current.present, now, _match_silences(active)))
            steps = [_quiet(step, current.existing) for step in steps]
            exception_notifications, cursor = _read_exceptions(session, organization, active)
        unreadable_keys = courses_by_key.keys() - before.keys()  # these begin again, if they are still present
        notifications = [step.notification for step in steps if step.notification]
        with store.read() as session:
            about = {
                subject for notification in (*exception_notifications, *notifications) for subject in notification.about
            }
            responsible = owners.list_by_object(session, organization, about)
        for start in range(0, max(len(steps), 1), CHUNK):
            chunk = steps[start : start + CHUNK]
            new = [step.notification for step in chunk if step.notification]
            if start == 0:
                new = [*exception_notifications, *new]
            if not chunk and cursor is None and not unreadable_keys:
                continue
            with store.note(Topic.NOTIFICATIONS) as session:
                courses = [step.course for step in chunk if step.course]
                keys = {step.key for step in chunk}
                conditions.replace(session, organization, keys | unreadable_keys if start == 0 else keys, courses)
                receivers = channels.list_of_organization(session, organization)
                outbox.add(session, [address(notification, receivers, responsible) for notification in new])
                if start == 0 and cursor is not None:
                    conditions.move_cursor(session, organization, cursor)

    def _list_gateways(self, store: Notes, organization: str, now: datetime) -> list[GatewayStatus]:
        """Return the gateways, which belong to the default organization."""
        if organization != DEFAULT_ORGANIZATION:
            return []
        return list_statuses(Context(store, Principal(organization, SYSTEM), now), self.sources.gateways)

    def _find_all(
        self,
        session: Session,
        organization: str,
        statuses: Sequence[GatewayStatus],
        now: datetime,
        *,
        with_certificates: bool,
    ) -> _Current:
        present = [
            *find_failing_backends(session, self.sources.failures, organization, now),
            *find_lost_gateways(statuses),
        ]
        if with_certificates:
            present += find_expiring_certificates(session, organization, now)
            present += find_expiring_identities(session, organization, now)
            present += find_presented(session, organization, now)
            present += find_expiring_callers(session, organization, now)
            if organization == DEFAULT_ORGANIZATION:
                present += find_expiring_servers(self.sources.server_certificates(now), now)
        existing = frozenset(f"gateway:{status.name}" for status in statuses)
        return _Current({condition.key: condition for condition in present}, existing)


def _match_silences(active: Sequence[Silence]) -> Callable[[Condition], bool]:
    return lambda condition: is_silenced(active, condition.kind, condition.about)


def _keep_existing(session: Session, organization: str, current: _Current, before: dict[str, Condition]) -> _Current:
    """Add the APIs that still exist to what exists, among those whose backends may have ended to fail."""
    ends = (condition for key, condition in before.items() if key not in current.present)
    ids = {subject.partition(":")[2] for condition in ends for subject in condition.about if subject.startswith("api:")}
    names = apis.list_names(session, organization, ids) if ids else {}
    return _Current(current.present, current.existing | {f"api:{api_id}" for api_id in names})


def _quiet(step: Step, existing: Collection[str]) -> Step:
    """Let a condition end without a word if its object is gone: a revoked gateway isn't connected again."""
    notification = step.notification
    if (
        notification
        and notification.phase is Phase.ENDED
        and notification.kind in _ALWAYS
        and notification.about[0] not in existing
    ):
        return Step(step.key, None, replace(notification, quiet=True))
    return step


def _read_exceptions(
    session: Session, organization: str, active: Sequence[Silence]
) -> tuple[list[Notification], int | None]:
    """Return the notifications about exceptions since the last time, and where to continue; None: nothing is new."""
    last = conditions.get_last_audit_event_id(session)
    before = conditions.get_cursor(session, organization)
    if before is None or before >= last:
        return [], last if before is None else None
    events = conditions.list_audit_events_after(session, organization, before, last, ACTIONS)
    if not events:
        return [], None
    new = describe_exceptions(events)
    return [
        notification for notification in new if not is_silenced(active, notification.kind, notification.about)
    ], last
