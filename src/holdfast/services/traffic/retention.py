"""
Deletes traffic that has been stored long enough.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from holdfast.services.traffic.recording import LATE
from holdfast.store.database import Transactions
from holdfast.store.errors import StoreBusy
from holdfast.store.traffic.old_traffic import TABLES, delete_period, delete_sources, find_oldest

KEEP_SOURCES = 10 * LATE  # gateways send nothing that old, so it isn't stored twice


def forget_old_traffic(store: Transactions, now: datetime, *, lifetimes: Mapping[int, timedelta]) -> None:
    """
    Delete traffic that is older than its lifetime, by resolution in seconds.

    If the database is busy, the rest waits for the next call.
    """
    try:
        for table in TABLES:
            for resolution, lifetime in lifetimes.items():
                while True:
                    with store.read() as session:
                        oldest = find_oldest(session, table, resolution, now - lifetime)
                    if oldest is None:
                        break
                    with store.write() as session:
                        delete_period(session, table, resolution, oldest)
        with store.write() as session:
            delete_sources(session, now - KEEP_SOURCES)
    except StoreBusy:
        return
