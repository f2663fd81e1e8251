"""
Parameters of connections to a PostgreSQL server.
"""

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from holdfast.store.location import PostgresqlLocation

STATEMENT = 15.0  # seconds that a statement can take, which may wait for a lock for PATIENCE
ANSWER = STATEMENT + 5.0  # seconds until a server counts as lost that runs, but neither answers nor cancels a statement
RV = TypeVar("RV")
Row = tuple[Any, ...]
_DEFAULTS: dict[str, Any] = {
    "application_name": "holdfast",
    "connect_timeout": 5,  # seconds
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # milliseconds until an unanswered packet ends the connection
}


class ServerConnection(psycopg.Connection[Row]):
    """A connection that closes if the server doesn't answer within *patience* seconds (None: it waits forever)."""

    patience: float | None = ANSWER
    is_pooled = False  # by a connection pooler, such as PgBouncer, which passes statements on to the server

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the server's answer. Raises psycopg.OperationalError."""
        if timeout is not None:  # of `notifies`, which expects nothing
            return super().wait(gen, interval, timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval, self.patience)
        except psycopg.OperationalError:
            if self.patience is not None and time.monotonic() - began >= self.patience:
                self.pgconn.finish()  # its answer would be taken for that of the next statement
            raise


def connect(location: PostgresqlLocation) -> ServerConnection:
    """Open a connection to *location*, on which each statement is a transaction. Raises psycopg.Error."""
    parameters = {**_DEFAULTS, **location.parameters, "client_encoding": "utf8"}
    if location.password:
        parameters["password"] = location.password
    connection = ServerConnection.connect(**parameters, autocommit=True)
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    if row != (connection.info.backend_pid,):
        connection.is_pooled = True
        # Transactions may reach different connections of the server, where a name means another prepared statement.
        connection.prepare_threshold = None
    return connection
