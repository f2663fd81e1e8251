"""
Parameters of connections to a PostgreSQL server.
"""

import time
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

from holdfast.store.location import PostgresqlLocation

STATEMENT = 15.0  # seconds that a statement can take, which may wait for a lock for PATIENCE
ANSWER = STATEMENT + 5.0  # seconds until a server counts as lost that runs, but neither answers nor cancels a statement
LAST_ANSWER = 2.0  # the same once the process stops, because its supervisor kills it if it takes long
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


@dataclass(slots=True)
class Stop:
    """When the process began to stop, by the monotonic clock (seconds); None: it doesn't."""

    at: float | None = None


class ServerConnection(psycopg.Connection[Row]):
    """
    A connection that closes if the server doesn't answer within *patience* seconds (None: it waits forever).

    Once the process stops, it waits for at most LAST_ANSWER seconds.
    """

    patience: float | None = ANSWER
    is_pooled = False  # by a connection pooler, such as PgBouncer, which passes statements on to the server
    stop = Stop()

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for the server's answer. Raises psycopg.OperationalError."""
        if timeout is not None:  # of `notifies`, which expects nothing
            return super().wait(gen, interval, timeout)
        return super().wait(self._limit(gen), interval)

    def _limit(self, gen: PQGen[RV]) -> PQGen[RV]:
        """Run *gen*, and close the connection if the server takes too long; its answer would be taken for the next."""
        began = time.monotonic()
        try:
            event = next(gen)
            while True:
                ready = yield event
                if not ready and self._is_over(began):
                    self.pgconn.finish()
                    raise psycopg.OperationalError("The server doesn't answer.")
                event = gen.send(ready)
        except StopIteration as end:
            answer: RV = end.value
            return answer

    def _is_over(self, began: float) -> bool:
        """Return whether a statement that *began* then has waited long enough."""
        now = time.monotonic()
        if self.stop.at is not None and now >= max(self.stop.at, began) + LAST_ANSWER:
            return True
        return self.patience is not None and now >= began + self.patience


def connect(location: PostgresqlLocation, stop: Stop | None = None) -> ServerConnection:
    """
    Open a connection to *location*, on which each statement is a transaction. *stop* is that of the process.

    Raises psycopg.Error.
    """
    stop = stop or Stop()
    parameters = {**_DEFAULTS, **location.parameters, "client_encoding": "utf8"}
    if stop.at is not None:
        parameters["connect_timeout"] = round(LAST_ANSWER)
    if location.password:
        parameters["password"] = location.password
    connection = ServerConnection.connect(**parameters, autocommit=True)
    connection.stop = stop
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    if row != (connection.info.backend_pid,):
        connection.is_pooled = True
        # Transactions may reach different connections of the server, where a name means another prepared statement.
        connection.prepare_threshold = None
    return connection
