"""
The database itself: opened, brought up to date, read and written in transactions.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from holdfast.store.errors import StoreTooNew, StoreUnreadable
from holdfast.store.sqlite import SqliteEngine

MIGRATIONS = Path(__file__).parent / "migrations"


class Store:
    """A database that has been brought up to date."""

    def __init__(self, path: Path) -> None:
        """Open the database at *path*, or make it. Raises StoreFailure."""
        self._database = SqliteEngine(path)
        self._listeners: list[Callable[[], object]] = []
        try:
            with self._database.engine.connect() as connection:
                _migrate(connection)
        except DBAPIError as error:
            raise StoreUnreadable(path, str(error.orig)) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run queries that see one state of the database. Raises StoreFailure."""
        with Session(self._database.engine, expire_on_commit=False) as session:
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
            session.commit()
        for listener in self._listeners:
            listener()

    def on_write(self, listener: Callable[[], object]) -> None:
        """Call *listener*, in the writer's thread, after each transaction that was kept."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Close all connections."""
        self._database.engine.dispose()


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        if isinstance(error.__cause__, ResolutionError):
            raise StoreTooNew(error.__cause__.argument) from error
        raise
