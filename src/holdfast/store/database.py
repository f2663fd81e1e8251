"""
The database itself: opened, brought up to date, read and written in transactions.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from holdfast.store.errors import StoreForeign, StoreTooNew, StoreUnreadable
from holdfast.store.recovery.copies import copy_before_migration
from holdfast.store.recovery.integrity import check_before_start
from holdfast.store.recovery.replacement import finish
from holdfast.store.recovery.write_ahead_log import check_log, count_transaction
from holdfast.store.revisions import (
    is_foreign,
    known_revisions,
    newest_revision,
    revision_of,
)
from holdfast.store.sqlite import SqliteEngine, open_to_read

log = structlog.get_logger()


class Transactions(Protocol):
    """What use cases read and write with: a Store, or a RequestStore."""

    def read(self) -> AbstractContextManager[Session]:
        """Run queries that see one state of the database. Raises StoreFailure."""

    def write(self) -> AbstractContextManager[Session]:
        """Run one transaction: all of it is kept, or, after an exception, nothing. Raises StoreFailure."""

    def release(self) -> None:
        """End the read transaction that is open, if any, so that nobody waits with it; the next read begins another."""


class Store:
    """A database that has been brought up to date."""

    def __init__(self, path: Path) -> None:
        """
        Open the database at *path*, or make it; a restore that was interrupted is finished first.

        A database that exists is checked, and copied before its tables are changed. Raises StoreFailure.
        """
        revision = _prepare(path)
        self._database = SqliteEngine(path)
        self._listeners: list[Callable[[], object]] = []
        try:
            with self._database.engine.connect() as connection:
                if revision != newest_revision():
                    # Most starts change no table, and Alembic takes longer to load than all that they do here.
                    from holdfast.store.migrating import migrate

                    migrate(connection)
        except DBAPIError as error:
            raise StoreUnreadable(path, str(error.orig)) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run queries that see one state of the database. Raises StoreFailure."""
        with Session(self._database.engine, expire_on_commit=False, close_resets_only=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """
        Run one transaction: all of it is kept, or, after an exception, nothing.

        Writers have their turns in the order in which they came, so do slow work before. Raises StoreFailure: StoreBusy
        where the turn did not come in time.
        """
        with self._database.writing() as engine, Session(engine, expire_on_commit=False) as session:
            yield session
            if session.in_transaction():
                session.flush()
                count_transaction(session.connection())
            session.commit()
        for listener in self._listeners:
            listener()

    def release(self) -> None:
        """Do nothing: each read has ended with its block."""

    @property
    def connections(self) -> int:
        """How many connections are in use: one for each transaction that is open."""
        return self._database.connections

    def on_write(self, listener: Callable[[], object]) -> None:
        """Call *listener*, in the writer's thread, after each transaction that was kept."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Close all connections."""
        self._database.engine.dispose()


def _prepare(path: Path) -> str | None:
    """Check the database before anything opens it to write, and copy it if it is older; give its revision."""
    if kept := finish(path):
        log.warning("interrupted restore finished", database=str(path), replaced_database=str(kept))
    check_log(path)
    if not path.exists() or not path.stat().st_size:
        return None
    check_before_start(path)
    with open_to_read(path) as connection:
        revision = revision_of(connection)
        if is_foreign(connection):
            raise StoreForeign(path)
    if revision is None or revision == newest_revision():
        return revision
    if revision not in known_revisions():
        raise StoreTooNew(revision)
    copy = copy_before_migration(path, newest_revision(), datetime.now(UTC))
    log.warning("database copied before its tables change", copy=str(copy), before=revision, after=newest_revision())
    return revision
