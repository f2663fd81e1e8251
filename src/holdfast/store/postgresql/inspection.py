"""
The state of a PostgreSQL database and its server, for checks. It only reads.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import psycopg
from sqlalchemy import Connection, ForeignKeyConstraint, and_, exists, select
from sqlalchemy.orm import Session

from holdfast.store.errors import StoreUnreachable
from holdfast.store.location import PostgresqlLocation
from holdfast.store.postgresql.connecting import connect
from holdfast.store.postgresql.engine import PostgresqlEngine
from holdfast.store.postgresql.failures import explain
from holdfast.store.postgresql.notifications import CHANNEL
from holdfast.store.postgresql.opening import TablesState, check_server, examine_tables
from holdfast.store.tables import Table

_TABLE_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class ServerState:
    """A server, as a connection to one of its databases sees it."""

    version: str
    tls: str  # its version, empty: none
    is_local: bool  # reached through a Unix socket or a loopback address
    seconds_ahead: float  # how far its clock is ahead of this machine's
    is_read_only: bool
    lossy: tuple[str, ...]  # settings with which a crash of its machine can lose what was committed
    free_connections: int  # that this user can still open


@contextmanager
def open_to_inspect(location: PostgresqlLocation) -> Iterator[Session]:
    """Open a database to read from it, whatever its tables. Raises StoreFailure."""
    database = PostgresqlEngine(location)
    try:
        with database.read() as session:
            check_server(_get_driver(session).info, location)
            yield session
    finally:
        database.close()


def examine_server(session: Session, clock: Callable[[], datetime]) -> ServerState:
    """Return the state of the server; *clock* is this machine's."""
    connection = session.connection()
    before = clock()
    at = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
    middle = before + (clock() - before) / 2
    tls = connection.exec_driver_sql("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl").scalar()
    address = connection.exec_driver_sql(
        "SELECT inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1'"
    ).scalar_one()
    lossy = connection.exec_driver_sql(
        "SELECT name || ' = ' || setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes',"
        " 'synchronous_commit') AND setting = 'off' ORDER BY name"
    ).scalars()
    # Outside of the transaction, which is read-only anyway.
    is_read_only = connection.exec_driver_sql(
        "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on'"
    ).scalar_one()
    free = connection.exec_driver_sql(
        "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        " - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
    ).scalar_one()
    version = _get_driver(session).info.parameter_status("server_version") or ""
    return ServerState(version, tls or "", address, (at - middle).total_seconds(), is_read_only, tuple(lossy), free)


def examine_revision(session: Session, location: PostgresqlLocation) -> TablesState:
    """Return the revision of the tables, and whether they must be migrated. Raises StoreFailure."""
    return examine_tables(session.connection(), location)


def list_missing_privileges(session: Session) -> list[str]:
    """Return what the user may not do, such as `DELETE on api`; the owner of the tables may do everything."""
    connection = session.connection()
    missing = []
    if not connection.exec_driver_sql("SELECT has_schema_privilege(current_schema(), 'CREATE')").scalar_one():
        missing.append("CREATE on the schema")
    query = (
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = current_schema() AND c.relkind = 'r' AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1"
    )
    if foreign := connection.exec_driver_sql(query).scalar():
        missing.append(f"ALTER on {foreign}, which another role owns")
    query = (
        "SELECT p || ' on ' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
        " unnest(%s::text[]) p WHERE n.nspname = current_schema() AND c.relkind = 'r'"
        " AND NOT has_table_privilege(c.oid, p) ORDER BY 1"
    )
    missing += connection.exec_driver_sql(query, (list(_TABLE_PRIVILEGES),)).scalars()
    query = (
        "SELECT 'USAGE on ' || sequencename FROM pg_sequences WHERE schemaname = current_schema()"
        " AND NOT has_sequence_privilege(quote_ident(schemaname) || '.' || quote_ident(sequencename), 'USAGE')"
    )
    missing += connection.exec_driver_sql(query).scalars()
    return missing


def find_dangling(session: Session) -> list[str]:
    """Return the tables with rows that refer to missing rows, as a restore without constraints leaves them."""
    connection = session.connection()
    return sorted({key.table.name for key in _list_foreign_keys() if _is_dangling(connection, key)})


def hears_notifications(location: PostgresqlLocation, seconds: float) -> bool:
    """Return whether one connection receives, within *seconds*, what another one sends. Raises StoreUnreachable."""
    channel, word = f"{CHANNEL}_check", uuid4().hex
    try:
        with closing(connect(location)) as listener, closing(connect(location)) as sender:
            listener.execute(f"LISTEN {channel}")
            sender.execute("SELECT pg_notify(%s, %s)", (channel, word))
            heard = listener.notifies(timeout=seconds, stop_after=1)
            return any(notification.payload == word for notification in heard)
    except psycopg.Error as error:
        raise explain(error, location) or StoreUnreachable(str(location), str(error)) from error


def _list_foreign_keys() -> Iterator[ForeignKeyConstraint]:
    for table in Table.metadata.sorted_tables:
        yield from table.foreign_key_constraints


def _is_dangling(connection: Connection, key: ForeignKeyConstraint) -> bool:
    pairs = [(element.parent, element.column) for element in key.elements]
    parent = key.referred_table.alias() if key.referred_table is key.table else key.referred_table
    matching = exists().where(and_(*(child == parent.c[column.name] for child, column in pairs)))
    dangling = select(1).select_from(key.table).where(*(child.is_not(None) for child, _ in pairs), ~matching)
    return connection.execute(dangling.limit(1)).first() is not None


def _get_driver(session: Session) -> psycopg.Connection[tuple[object, ...]]:
    driver: psycopg.Connection[tuple[object, ...]] = session.connection().connection.driver_connection  # type: ignore[assignment]
    return driver
