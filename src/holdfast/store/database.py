"""
The database: opening, migration, and read and write transactions.
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
    """The interface that use cases read and write with: a Store, or a RequestStore."""

    def read(self) -> AbstractContextManager[Session]:
        """Run queries that all see the same state of the database. Raises StoreFailure."""

    def write(self) -> AbstractContextManager[Session]:
        """Run one transaction; an exception rolls it back. Raises StoreFailure."""

    def release(self) -> None:
        """End the open read transaction, if any, so that it isn't held during a wait; the next read begins another."""


class Store:
    """An open database with current tables."""

    def __init__(self, path: Path) -> None:
        """
        Open the database at *path*, or create it; an interrupted restore is completed first.

        An existing database is checked, and copied before a migration. Raises StoreFailure.
        """
        revision = _prepare(path)
        self._database = SqliteEngine(path)
        self._listeners: list[Callable[[], object]] = []
        try:
            with self._database.engine.connect() as connection:
                if revision != newest_revision():
                    # Most starts need no migration, and importing Alembic takes longer than everything else here.
                    from holdfast.store.migrating import migrate

                    migrate(connection)
        except DBAPIError as error:
            raise StoreUnreadable(path, str(error.orig)) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run queries that all see the same state of the database. Raises StoreFailure."""
        with Session(self._database.engine, expire_on_commit=False, close_resets_only=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """
        Run one transaction; an exception rolls it back.

        Writers take turns in order of arrival, so do slow work before. Raises StoreFailure, including StoreBusy if this
        writer's turn doesn't come in time.
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
        """Do nothing, because each read ends with its block."""

    @property
    def connections(self) -> int:
        """The number of connections in use, one for each open transaction."""
        return self._database.connections

    def on_write(self, listener: Callable[[], object]) -> None:
        """Call *listener*, in the writer's thread, after each committed transaction."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Close all connections."""
        self._database.engine.dispose()


def _prepare(path: Path) -> str | None:
    """Check the database before it is opened for writing, copy it if it needs migrations, and return its revision."""
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
    log.warning("database copied before migration", copy=str(copy), before=revision, after=newest_revision())
    return revision
