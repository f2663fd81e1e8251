"""
Opening a database with current tables: checks before it is written to, and migrations.
"""

from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import DBAPIError

from holdfast.store.engine import DatabaseEngine
from holdfast.store.errors import StoreForeign, StoreUnreadable
from holdfast.store.location import Location
from holdfast.store.recovery.copies import copy_before_migration
from holdfast.store.recovery.integrity import check_before_start
from holdfast.store.recovery.replacement import finish
from holdfast.store.recovery.write_ahead_log import check_log
from holdfast.store.revisions import get_newest_revision, get_oldest_revision, get_revision, is_foreign, must_migrate
from holdfast.store.sqlite.engine import SqliteEngine
from holdfast.store.sqlite.files import open_to_read

log = structlog.get_logger()


def open_database(location: Location, now: datetime) -> DatabaseEngine:
    """
    Open the database at *location*, with current tables. Raises StoreFailure.

    A file is created if it doesn't exist. Otherwise it is checked, and copied before a migration; the copy is
    named after *now*.
    """
    if isinstance(location, Path):
        return _open_file(location, now)
    # Loading the driver would delay each start with SQLite.
    from holdfast.store.postgresql.opening import open_server

    return open_server(location)


def _open_file(path: Path, now: datetime) -> SqliteEngine:
    """Open a file of SQLite; an interrupted restore is completed first."""
    needs_migration = _prepare(path, now)
    database = SqliteEngine(path)
    try:
        with database.engine.connect() as connection:
            if needs_migration:
                # Most starts need no migration, and importing Alembic takes longer than everything else here.
                from holdfast.store.migrating import migrate

                migrate(connection)
    except DBAPIError as error:
        raise StoreUnreadable(path, str(error.orig)) from error
    return database


def _prepare(path: Path, now: datetime) -> bool:
    """Check the database before it is opened for writing, copy it before migrations, and return if it needs any."""
    if old_database := finish(path):
        log.warning("interrupted restore finished", database=str(path), replaced_database=str(old_database))
    check_log(path)
    if not path.exists() or not path.stat().st_size:
        return True
    check_before_start(path)
    with open_to_read(path) as connection:
        revision = get_revision(connection)
        if is_foreign(connection):
            raise StoreForeign(path)
        needs_migration = must_migrate(revision, get_oldest_revision(connection))
    if revision is None or not needs_migration:
        return needs_migration
    copy = copy_before_migration(path, get_newest_revision(), now)
    log.warning("database copied before migration", copy=str(copy), before=revision, after=get_newest_revision())
    return True
