"""Old rows are deleted, in batches, and no others."""

import uuid
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from holdfast.apis.gateways.gateway import Gateway, Placement
from holdfast.apis.notifications.channel import Audience, Channel, ChannelKind
from holdfast.apis.notifications.event import EventKind, EventSeverity, Notification, Phase, Wording
from holdfast.apis.notifications.silence import Silence
from holdfast.server.settings import Settings
from holdfast.services import retention
from holdfast.services.retention import forget_by_the_earlier_clock, forget_old_rows
from holdfast.store import audit_chain, journal
from holdfast.store import old_rows as old_rows_module
from holdfast.store.access import accounts, tokens
from holdfast.store.access.accounts import User
from holdfast.store.access.tokens import Kind, Token
from holdfast.store.errors import StoreBusy
from holdfast.store.gateways import gateways, join_tokens
from holdfast.store.journal import AuditEvent
from holdfast.store.notifications import channels, outbox, silences
from holdfast.store.notifications.outbox import AddressedNotification
from holdfast.store.tables import (
    AuditEventRow,
    ChangeRow,
    JoinTokenRow,
    NotificationMessageRow,
    NotificationRow,
    RemovedCertificateRow,
    SessionRow,
    SilenceRow,
    TokenRow,
)
from holdfast.store.trust import removed_certificates
from store.values import NOW, make_removed

pytestmark = pytest.mark.long

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
USER = User("anna", "default", "anna", "hash")


def write_audit_event(session, at):
    journal.record(session, AuditEvent("default", at, "anna", "create API", "Pizza", "", "192.0.2.1"))


def announce(session, at):
    journal.announce(session, "default", "api", "id", at)


def keep_removed(session, at):
    removed_certificates.insert(session, replace(make_removed(), id=str(uuid.uuid4()), removed_at=at))


def open_session(session, ends_at):
    accounts.insert_session(session, str(uuid.uuid4()), USER, NOW - 900 * DAY, ends_at)


def make_token(session, ends_at):
    token = Token(str(uuid.uuid4()), "default", "anna", "grant", Kind.PERSONAL, "token", (), NOW - 900 * DAY, ends_at)
    tokens.insert_token(session, token, token.id, NOW - 900 * DAY)


def make_join_token(session, ends_at):
    name = f"g-{uuid.uuid4().hex}"
    gateway = Gateway(name, "default", name, Placement("Default", {}), NOW)
    gateways.insert(session, gateway)
    join_tokens.replace_unused(session, gateway, gateway.placement, name, NOW - 900 * DAY, ends_at)


def notify(session, at):
    notification = Notification(
        "default", at, "key", EventKind.TEST, Phase.BEGAN, EventSeverity.INFO, Wording("", "", "", "/")
    )
    outbox.add(session, [AddressedNotification(notification, [])])


def send_message(session, at):
    if channels.get(session, "default", "ops") is None:
        kind, audience = ChannelKind.EMAIL, Audience.ALL
        channels.insert(session, Channel("ops", "default", "ops", kind, "", b"", (), (), audience, NOW, NOW))
    outbox.begin_message(session, str(uuid.uuid4()), "default", "ops", "", at)


def silence(session, ends_at):
    silences.insert(session, Silence(str(uuid.uuid4()), "default", None, "api:1", "", "anna", NOW, ends_at))


# A function that writes a row, its table, and the age at which the row is deleted.
KINDS = {
    "changes": (announce, ChangeRow, DAY),
    "audit events": (write_audit_event, AuditEventRow, 400 * DAY),
    "removed certificates": (keep_removed, RemovedCertificateRow, 30 * DAY),
    "sessions": (open_session, SessionRow, 0 * DAY),
    "join tokens": (make_join_token, JoinTokenRow, DAY),
    "tokens": (make_token, TokenRow, 0 * DAY),
    "notifications": (notify, NotificationRow, 90 * DAY),
    "messages to channels": (send_message, NotificationMessageRow, 90 * DAY),
    "silences": (silence, SilenceRow, 90 * DAY),
}


class RecordedWrites:
    """A database that records what *observe* returns after each write."""

    def __init__(self, store, observe):
        self._store, self._observe = store, observe
        self.read, self.release = store.read, store.release
        self.after = []

    @contextmanager
    def write(self):
        with self._store.write() as session:
            yield session
        self.after.append(self._observe())


@pytest.fixture
def fill(store, anna):
    """Write a row of one kind for each time."""
    del anna
    with store.write() as session:
        accounts.insert_user(session, USER, NOW)

    def fill(kind, *times):
        with store.write() as session:
            for at in times:
                KINDS[kind][0](session, at)

    return fill


def count(store, table):
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(table))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_deleted_after_their_time(store, fill, kind):
    _, table, age = KINDS[kind]
    fill(kind, NOW - age - SECOND, NOW - age + SECOND, NOW + DAY)
    forget_old_rows(store, NOW, audit_days=400)
    assert count(store, table) == 2
    forget_old_rows(store, NOW, audit_days=400)
    assert count(store, table) == 2


def test_audit_events_are_kept_indefinitely_by_default(store, fill):
    fill("audit events", NOW - 9000 * DAY)
    forget_old_rows(store, NOW)
    assert count(store, AuditEventRow) == 1
    assert Settings.model_fields["audit_retention"].default == 400


@pytest.mark.parametrize("kind", KINDS)
def test_many_rows_are_deleted_in_batches(store, fill, kind, monkeypatch):
    for module in (retention, old_rows_module, audit_chain):
        monkeypatch.setattr(module, "BATCH", 5)
    _, table, age = KINDS[kind]
    fill(kind, *[NOW - age - SECOND] * 11, NOW + DAY)
    writes = RecordedWrites(store, lambda: count(store, table))
    forget_old_rows(writes, NOW, audit_days=400)
    assert writes.after == [7, 2, 1]


def test_a_round_that_finds_nothing_writes_nothing(store, fill):
    fill("changes", NOW)
    writes = RecordedWrites(store, lambda: 1)
    forget_old_rows(writes, NOW, audit_days=400)
    assert writes.after == []


def test_a_machine_whose_clock_is_ahead_deletes_nothing_early(store):
    now, times = datetime.now(UTC), []
    for wrong in (now + 365 * DAY, now - 365 * DAY):
        forget_by_the_earlier_clock(lambda _, at: times.append(at), store, wrong)
    assert times[0] < now + DAY
    assert times[1] == now - 365 * DAY


def test_a_busy_database_delays_a_round_and_ends_no_task(store, monkeypatch):
    def read():
        raise StoreBusy

    monkeypatch.setattr(store, "read", read)
    forget_by_the_earlier_clock(lambda *_: pytest.fail("the time isn't known"), store, NOW)


@pytest.mark.usefixtures("anna")
def test_a_message_whose_next_attempt_a_wrong_clock_has_set_is_sent_at_once(store):
    with store.write() as session:
        send_message(session, NOW)
        (message,) = outbox.list_due(session, NOW)
        for days, expected in ((0.04, []), (365, [message])):
            outbox.mark_failed(session, message, NOW, "Refused.", NOW + days * DAY)
            assert outbox.list_due(session, NOW) == expected
