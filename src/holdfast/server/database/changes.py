"""
Migrating the database of the settings, and copying it from SQLite to PostgreSQL.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from holdfast.network.sockets import CannotStart
from holdfast.server.database.opening import open_store, read_location
from holdfast.server.machine.directories import locate_database, lock_data_directory
from holdfast.server.settings import Settings
from holdfast.store.errors import StoreDamaged, StoreForeign
from holdfast.store.location import Location, PostgresqlLocation
from holdfast.store.recovery.integrity import find_damage, find_dangling
from holdfast.store.recovery.replacement import is_unfinished
from holdfast.store.recovery.write_ahead_log import check_log
from holdfast.store.revisions import get_newest_revision, get_revision
from holdfast.store.sqlite.files import open_to_read


@dataclass(frozen=True, slots=True)
class Migration:
    """The revisions of a database before (None: it had no tables) and after, which are equal if nothing was done."""

    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A copied database: the file, where its copy is, and the numbers of tables with rows and of rows."""

    source: Path
    target: Location
    tables: int
    rows: int


def migrate_database(settings: Settings) -> Migration:
    """
    Bring the tables of the database up to date. With PostgreSQL, control planes can run meanwhile.

    Raises:
        CannotStart: Holdfast is running with the SQLite database.
        StoreFailure: The database can't be used.
    """
    data = settings.data.expanduser()
    location = read_location(settings, data)
    if isinstance(location, PostgresqlLocation):
        return _migrate(location)
    with lock_data_directory(data):
        return _migrate(location)


def copy_database(settings: Settings) -> Copy:
    """
    Copy the SQLite database in the data directory, which doesn't change, to an empty PostgreSQL database.

    Raises:
        CannotStart: Holdfast is running with the SQLite database, there is none, or PostgreSQL isn't set.
        StoreFailure: One of the databases can't be used, or a row can't be copied; then nothing was copied.
    """
    data = settings.data.expanduser()
    source, target = locate_database(data), read_location(settings, data)
    if not isinstance(target, PostgresqlLocation):
        raise CannotStart("Name the PostgreSQL database to copy to with --database.")
    if not source.is_file():
        raise CannotStart(f"There is no SQLite database in {data}. Choose its directory with --data.")
    from holdfast.store.postgresql.copying import copy_to_server, update_statistics

    with lock_data_directory(data):
        _check(source)
        counts = copy_to_server(source, target)
    update_statistics(target)
    return Copy(source, target, counts.tables, counts.rows)


def _migrate(location: Location) -> Migration:
    before = _get_revision(location)
    store = asyncio.run(open_store(location))
    after = get_newest_revision()
    store.close()
    return Migration(before, after)


def _get_revision(location: Location) -> str | None:
    if isinstance(location, Path):
        if not location.exists():
            return None
        with open_to_read(location) as connection:
            return get_revision(connection)
    from holdfast.store.postgresql import inspection

    with inspection.open_to_inspect(location) as session:
        return inspection.examine_revision(session, location).revision


def _check(source: Path) -> None:
    """Check that *source* can be copied as it is."""
    if is_unfinished(source):
        raise CannotStart(f"A restore of {source} was interrupted. Start Holdfast to finish it, stop it, then copy.")
    check_log(source)
    with open_to_read(source) as connection:
        revision = get_revision(connection)
        if revision is None:
            raise StoreForeign(source)
        if damage := find_damage(connection):
            raise StoreDamaged(source, damage[0])
        if revision != (newest := get_newest_revision()):
            raise CannotStart(
                f"{source} has tables of revision {revision}, and this version of Holdfast needs {newest}. "
                "First run `holdfast database migrate` without --database and HOLDFAST_DATABASE."
            )
        if tables := find_dangling(connection):
            raise CannotStart(
                f"Rows of {source} refer to missing rows, in {', '.join(tables)}, which PostgreSQL would reject. "
                "Another program may have deleted rows. Restore a backup, or delete the rows that are left."
            )
