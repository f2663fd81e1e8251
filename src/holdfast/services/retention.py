"""
Deletes old rows, and chains audit events of the previous version.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from holdfast.store import audit_chain
from holdfast.store.access import accounts
from holdfast.store.clock import read_database_time
from holdfast.store.database import Transactions
from holdfast.store.errors import StoreBusy
from holdfast.store.old_rows import BATCH, OldRows, delete_rows, find_old, find_old_rows

log = structlog.get_logger()


def forget_by_the_earlier_clock(
    forget: Callable[[Transactions, datetime], object], store: Transactions, now: datetime
) -> None:
    """
    Call *forget* with *now* or the database server's time, whichever is earlier.

    A machine whose clock is wrong, even by years, then deletes nothing early. With SQLite, both are the same clock.
    """
    with suppress(StoreBusy):
        with store.read() as session:
            earlier = min(now, read_database_time(session))
        forget(store, earlier)


def forget_old_rows(store: Transactions, now: datetime, *, audit_days: int = 0) -> None:
    """
    Delete rows that are no longer needed, in batches, so that other writers get their turn in between.

    Audit events are deleted after *audit_days* (0: never). If the database is busy, the rest waits for the next call.
    """
    with suppress(StoreBusy):
        for rows in find_old_rows(now):
            if count := _delete_all(store, rows):
                log.info("old rows deleted", table=rows.table, count=count)
        for organization in _list_organizations(store):
            if audit_days and (count := _forget_events(store, organization, now, timedelta(days=audit_days))):
                log.info("old rows deleted", table="audit_event", organization=organization, count=count)
            _log_newest(store, organization)


def chain_events(store: Transactions, now: datetime) -> None:
    """Chain audit events that the previous version wrote, in batches, as `forget_old_rows` deletes."""
    del now
    with suppress(StoreBusy):
        with store.read() as session:
            organizations = audit_chain.list_waiting_organizations(session)
        for organization in organizations:
            total = 0
            while count := _chain_batch(store, organization):
                total += count
            log.info("audit events chained", organization=organization, count=total)


def _chain_batch(store: Transactions, organization: str) -> int:
    with store.write() as session:
        return audit_chain.chain_waiting_events(session, organization)


def _list_organizations(store: Transactions) -> list[str]:
    with store.read() as session:
        return accounts.list_organizations(session)


def _forget_events(store: Transactions, organization: str, now: datetime, retention: timedelta) -> int:
    total, end = 0, now - retention
    while True:
        with store.read() as session:
            is_old = audit_chain.has_forgettable(session, organization, end)
        if not is_old:
            return total
        with store.write() as session:
            total += audit_chain.forget(session, organization, end, now)


def _log_newest(store: Transactions, organization: str) -> None:
    """Log the newest hash: a copy of the log that isn't in the database then shows whether the chain was rewritten."""
    with store.read() as session:
        newest = audit_chain.get_state(session, organization).newest
    if newest and newest.number:
        log.info("audit log", organization=organization, newest=newest.number, hash=newest.hash)


def _delete_all(store: Transactions, rows: OldRows) -> int:
    count = 0
    while True:
        with store.read() as session:
            keys = find_old(session, rows)
        if keys:
            with store.write() as session:
                delete_rows(session, rows, keys)
        count += len(keys)
        if len(keys) < BATCH:
            return count
