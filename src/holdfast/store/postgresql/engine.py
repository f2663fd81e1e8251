"""
PostgreSQL: connections to the server, one writer at a time in all processes, and transactions in few round trips.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from uuid import uuid4

import psycopg
import structlog
from sqlalchemy import Connection, create_engine, event, exc
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from holdfast.store.engine import close_all, count_connections_in_use
from holdfast.store.errors import StoreBusy, StoreCrowded, StoreFailure, StoreLost, StoreUncertain, StoreUnreachable
from holdfast.store.location import PostgresqlLocation
from holdfast.store.postgresql.connecting import ANSWER, STATEMENT, ServerConnection, Stop, connect
from holdfast.store.postgresql.failures import READ_ONLY, explain
from holdfast.store.postgresql.notifications import Notifications, notify
from holdfast.store.topics import Topic
from holdfast.store.turns import MOST_WAITING, PATIENCE, Turns

log = structlog.get_logger()
WRITERS = 0x686F6C64_77726974  # the key of the advisory lock that writers take turns with: "holdwrit"
TO_BEGIN = 5.0  # seconds that the server has to begin a transaction, in addition to the wait for other writers
READER_IDLE = 60.0  # seconds that a reader can hold its transaction without a statement
WRITER_IDLE = 10.0  # the same for a transaction for which others wait; its process may have been stopped
CROWDED_AGAIN = 60.0  # seconds between warnings that the server accepts no more connections
BEGIN = "holdfast_begin"  # an execution option: the statements that begin a transaction
LOCKS = "holdfast_locks"  # an execution option: the seconds for which these may wait for locks
ANSWERS = "holdfast_answers"  # an execution option: the seconds that each later statement can take; None: no limit
_TRANSIENT = {Topic.MESSAGES, Topic.HEARTBEATS}
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresqlEngine:
    """A database of a PostgreSQL server, which other processes use at the same time."""

    def __init__(self, location: PostgresqlLocation) -> None:
        """Prepare connections to *location*; the first one is opened when it is needed."""
        self.location = location
        self.name = uuid4().hex  # of this process in notifications, to recognize its own ones
        self._stop = Stop()
        # A traceback must never show values, because some are password hashes (`hide_parameters`).
        self.engine = create_engine(
            "postgresql+psycopg://",
            creator=partial(connect, location, self._stop),
            poolclass=QueuePool,
            pool_size=location.connections,
            max_overflow=0,
            pool_timeout=PATIENCE,
            pool_use_lifo=True,
            hide_parameters=True,
            use_native_hstore=False,
            isolation_level="AUTOCOMMIT",  # `_begin` begins transactions
        )
        event.listen(self.engine, "begin", _begin)
        event.listen(self.engine, "connect", _configure)
        event.listen(self.engine, "handle_error", self._explain)
        self.is_reachable = True  # as far as the latest transaction knows
        self._was_reached = False
        self._noting = threading.Lock()
        self._crowded_at = -CROWDED_AGAIN
        self._notifications: Notifications | None = None
        self._turns = Turns(MOST_WAITING, PATIENCE)

    @property
    def connections(self) -> int:
        """The number of connections in use."""
        return count_connections_in_use(self.engine)

    @property
    def is_crowded(self) -> bool:
        """Whether half of the connections are in use."""
        return self.connections * 2 >= self.location.connections

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Run queries that all see the same state of the database. Raises StoreFailure."""
        with self._session(READ) as session:
            yield session

    @contextmanager
    def write(self, topic: Topic) -> Iterator[Session]:
        """
        Wait for the turn of this thread and process, run one transaction, and tell other processes of *topic*.

        Raises:
            StoreBusy: It has waited for PATIENCE seconds, or too many writers are already waiting.
        """
        with self._turns.turn() as seconds_left:
            # READ COMMITTED, so that the transaction sees what writers have committed while it waited.
            begin = (
                f"BEGIN; SET LOCAL lock_timeout = {_write_milliseconds(seconds_left)}; "
                f"{_limit_idle()}SELECT pg_advisory_xact_lock({WRITERS}); {notify(topic, self.name)}"
            )
            with self._session(begin, seconds_left) as session:
                yield session
                commit(session)

    @contextmanager
    def note(self, topic: Topic) -> Iterator[Session]:
        """Run one transaction next to those of other writers, and tell other processes of *topic*."""
        # Nobody misses these if the server crashes, so the transaction doesn't wait for the disk.
        at_once = "SET LOCAL synchronous_commit = off; " if topic in _TRANSIENT else ""
        with self._session(f"BEGIN; {at_once}{_limit_idle()}{notify(topic, self.name)}") as session:
            yield session
            commit(session)

    def follow(self, listener: Callable[[Topic], object]) -> None:
        """Call *listener*, in a thread, after transactions that other processes commit."""
        self._notifications = Notifications(self.location, self.name, self._stop, listener)

    def hurry(self) -> None:
        """Wait for at most LAST_ANSWER seconds for each answer of the server, because the process stops."""
        self._stop.at = time.monotonic()

    def close(self) -> None:
        """Close all connections."""
        if self._notifications:
            self._notifications.close()
        close_all(self.engine)

    @contextmanager
    def _session(self, begin: str, locks: float = 0.0) -> Iterator[Session]:
        """Yield a session whose transaction has begun; to begin, it may wait *locks* seconds for locks."""
        engine = self.engine.execution_options(**{BEGIN: begin, LOCKS: locks})
        with Session(engine, expire_on_commit=False, close_resets_only=False) as session:
            self._begin(session)
            yield session

    def _begin(self, session: Session) -> None:
        try:
            try:
                session.connection()
            except StoreLost:
                if self._stop.at is not None:
                    raise
                # The server has closed this connection, so the pool closes all. To begin costs a round trip anyway, so
                # unlike `pool_pre_ping`, this test of a connection is free. Nothing was done yet.
                session.rollback()
                session.connection()
        except exc.TimeoutError as error:
            raise StoreBusy from error
        except StoreUnreachable as failure:
            self._note_failure(failure)
            raise
        self._was_reached = True
        if not self.is_reachable:
            self._note_success()

    def _note_failure(self, failure: StoreUnreachable) -> None:
        """Log the first failure, and each minute that the server accepts no further connections."""
        with self._noting:
            if isinstance(failure, StoreCrowded) and self.connections:  # these can still be used
                if time.monotonic() - self._crowded_at > CROWDED_AGAIN:
                    self._crowded_at = time.monotonic()
                    log.warning("database server accepts no more connections", reason=str(failure))
                return
            if self.is_reachable and self._was_reached:  # before that, opening the database fails with it
                log.error("database can't be reached", reason=str(failure))
            self.is_reachable = False

    def _note_success(self) -> None:
        with self._noting:
            if not self.is_reachable:
                log.warning("database can be reached again")
            self.is_reachable = True

    def _explain(self, context: ExceptionContext) -> StoreFailure | None:
        error, connection = context.original_exception, context.connection
        if not isinstance(error, psycopg.Error):
            return None
        if error.sqlstate == READ_ONLY:
            if connection and connection.get_execution_options().get(BEGIN) == READ:
                return None  # this is about the statement
            context.is_disconnect = True  # closes all connections, so that the next one may lead to the new primary
        failure = explain(error, self.location, opening=connection is None)
        if failure is None:
            _remove_values(error, context.sqlalchemy_exception)
        return failure


def commit(transaction: Session | Connection) -> None:
    """Commit a transaction. Raises StoreUncertain if the connection is lost meanwhile."""
    if isinstance(transaction, Session):
        transaction.flush()
    try:
        transaction.commit()
    except StoreLost as failure:
        raise StoreUncertain(failure) from failure


def _remove_values(error: psycopg.Error, wrapper: BaseException | None) -> None:
    """Reduce the messages of an error to what the server says first, because its details contain values of the row."""
    if error.diag.message_primary:
        error.args = (error.diag.message_primary,)
        if wrapper:
            wrapper.args = (f"({type(error).__module__}.{type(error).__name__}) {error.diag.message_primary}",)


def _begin(connection: Connection) -> None:
    options, raw = connection.get_execution_options(), connection.connection.driver_connection
    assert isinstance(raw, ServerConnection)  # noqa: S101 - `connect` opens it
    raw.patience = TO_BEGIN + options.get(LOCKS, 0.0)
    connection.exec_driver_sql(options[BEGIN])
    raw.patience = options.get(ANSWERS, ANSWER)


def _configure(connection: ServerConnection, entry: ConnectionPoolEntry) -> None:
    """Limit what a connection can wait for; a transaction that begins may set lower limits."""
    del entry
    # A connection pooler may pass on what another connection listens to; without a handler, psycopg collects it.
    connection.add_notify_handler(lambda _: None)
    connection.execute(
        f"SET statement_timeout = {_write_milliseconds(STATEMENT)}; "
        f"SET lock_timeout = {_write_milliseconds(PATIENCE)}; "
        f"SET idle_in_transaction_session_timeout = {_write_milliseconds(READER_IDLE)}; SET timezone = 'UTC'"
    )


def _limit_idle() -> str:
    return f"SET LOCAL idle_in_transaction_session_timeout = {_write_milliseconds(WRITER_IDLE)}; "


def _write_milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)  # 0 would mean no limit
