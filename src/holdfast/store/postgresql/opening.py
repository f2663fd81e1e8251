"""
Opening a PostgreSQL database: what it must be, and migrations, which several processes may want to run at once.
"""

import time
from dataclasses import dataclass
from typing import Any

import structlog
from psycopg import ConnectionInfo
from sqlalchemy import Connection

from holdfast.store.errors import StoreBusy, StoreCopying, StoreTaken, StoreUnusable
from holdfast.store.location import PostgresqlLocation
from holdfast.store.postgresql.engine import ANSWERS, BEGIN, LOCKS, READ, WRITERS, PostgresqlEngine
from holdfast.store.revisions import COMPATIBILITY, VERSIONS, get_newest_revision, must_migrate

log = structlog.get_logger()
OLDEST = 14  # the oldest major version that the PostgreSQL project maintains
ENCODING = "UTF8"
COPY_MARKER = "holdfast_copy"  # a table that exists until a copy from SQLite is complete
PATIENCE = 120.0  # seconds for migrations, including those of another process
_LOCKED = 2.0  # seconds that a migration waits for a table, because everyone else waits behind it
_PAUSE = 0.5  # seconds until it tries again
_MIGRATIONS = 0x686F6C64_6D696772  # the key of the advisory lock that migrations take: "holdmigr"


def open_server(location: PostgresqlLocation) -> PostgresqlEngine:
    """Open a database of a PostgreSQL server with current tables. Raises StoreFailure."""
    if location.weak_tls:
        log.warning("database server isn't verified", database=str(location), sslmode=location.weak_tls)
    database = PostgresqlEngine(location)
    try:
        with database.engine.execution_options(**{BEGIN: READ}).connect() as connection:
            check_server(connection.connection.driver_connection.info, location)  # type: ignore[union-attr]
            state = examine_tables(connection, location)
        if state.is_outdated:
            _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def check_server(info: ConnectionInfo, location: PostgresqlLocation) -> None:
    """Check the version of the server and the encoding of the database. Raises StoreUnusable."""
    version = info.server_version
    if version < OLDEST * 10_000:
        version_text = f"{version // 10_000}.{version % 10_000}"
        raise StoreUnusable(
            str(location), f"the server is PostgreSQL {version_text}", f"Upgrade it to {OLDEST} or later."
        )
    encoding = info.parameter_status("server_encoding")
    if encoding != ENCODING:
        advice = f"Create one with ENCODING '{ENCODING}' TEMPLATE template0."
        raise StoreUnusable(str(location), f"its encoding is {encoding}", advice)


@dataclass(frozen=True, slots=True)
class TablesState:
    """The revision of the tables (None: there are none), and whether they must be migrated for this version."""

    revision: str | None
    is_outdated: bool


def examine_tables(connection: Connection, location: PostgresqlLocation) -> TablesState:
    """Return the state of the tables. Raises StoreFailure."""
    query = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    tables = set(connection.exec_driver_sql(query).scalars())
    revision = oldest = None
    if VERSIONS in tables:
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if COPY_MARKER in tables:
        raise StoreCopying(str(location))
    if revision is None and tables - {VERSIONS}:
        raise StoreTaken(str(location))
    if COMPATIBILITY in tables:
        oldest = connection.exec_driver_sql("SELECT oldest_revision FROM schema_compatibility").scalar()
    return TablesState(revision, must_migrate(revision, oldest))


def _migrate(database: PostgresqlEngine) -> None:
    """Run migrations in one transaction. Other processes may read, write, and want to migrate at the same time."""
    from holdfast.store.migrating import migrate

    ends_at = time.monotonic() + PATIENCE
    while True:
        seconds_left = max(ends_at - time.monotonic(), 0.001)
        try:
            with database.engine.execution_options(**begin_alone(seconds_left)).connect() as connection:
                state = examine_tables(connection, database.location)
                if state.is_outdated:
                    migrate(connection)
                connection.commit()
            if state.is_outdated and state.revision:
                log.warning("database migrated", before=state.revision, after=get_newest_revision())
            return
        except StoreBusy:  # a transaction of a running process has locked a table
            if time.monotonic() > ends_at:
                raise
        time.sleep(_PAUSE)


def begin_alone(seconds: float) -> dict[str, Any]:
    """
    Return the execution options of a migration: other migrations, and writers, must end within *seconds*.

    The transaction then waits 2 seconds for each table that readers use.
    """
    begin = (
        f"BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "
        f"SET LOCAL lock_timeout = {round(seconds * 1000)}; SELECT pg_advisory_xact_lock({_MIGRATIONS}); "
        f"SELECT pg_advisory_xact_lock({WRITERS}); SET LOCAL lock_timeout = {round(_LOCKED * 1000)}"
    )
    return {BEGIN: begin, LOCKS: 2 * seconds, ANSWERS: None}
