"""
Deletes old rows.
"""

from datetime import datetime, timedelta

import structlog

from holdfast.store.database import Store
from holdfast.store.errors import StoreBusy
from holdfast.store.old_rows import BATCH, OldRows, delete_rows, find_old, find_old_rows

log = structlog.get_logger()


def forget_old_rows(store: Store, now: datetime, *, audit_days: int = 0) -> None:
    """
    Delete rows that are no longer needed, in batches, so that other writers get their turn in between.

    Audit events are deleted after *audit_days* (0: never). If the database is busy, the rest waits for the next call.
    """
    retention = timedelta(days=audit_days) if audit_days else None
    for rows in find_old_rows(now, retention):
        try:
            count = _delete_all(store, rows)
        except StoreBusy:
            return
        if count:
            log.info("old rows deleted", table=rows.table, count=count)


def _delete_all(store: Store, rows: OldRows) -> int:
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
