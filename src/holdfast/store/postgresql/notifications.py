"""
Transactions of other processes on the same database: LISTEN reports each, and while it can't, they are assumed.
"""

import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psycopg
import structlog

from holdfast.store.errors import StoreCrowded, StoreUnreachable
from holdfast.store.location import PostgresqlLocation
from holdfast.store.postgresql.connecting import ServerConnection, Stop, connect
from holdfast.store.postgresql.failures import explain
from holdfast.store.topics import Topic

log = structlog.get_logger()
CHANNEL = "holdfast"
POLL = 1.0  # seconds between assumed transactions, and between attempts to connect
TEST = 10.0  # seconds between notifications to itself, which show that LISTEN works
_TEST = "test"  # the topic of these

Tell = Callable[[Topic], object]


def notify(topic: str, sender: str) -> str:
    """Return the statement that tells other processes of *topic* when its transaction is committed."""
    return f"NOTIFY {CHANNEL}, '{topic} {sender}'"


class Notifications:
    """
    A thread that calls *tell* after transactions of other processes; notifications from *own_name* are ignored.

    When it may have missed some, such as after a reconnection, it calls *tell* with each topic. Connection poolers may
    drop notifications, so behind one it also does that each second.
    """

    def __init__(self, location: PostgresqlLocation, own_name: str, stop: Stop, tell: Tell) -> None:
        self._location, self._own_name, self._stop, self._tell = location, own_name, stop, tell
        self._waker, self._woken = socket.socketpair()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notifications", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._waker.close()
        self._thread.join()
        self._woken.close()

    def _run(self) -> None:
        works = True
        while not self._ended.is_set():
            began = time.monotonic()
            opening = True
            try:
                with connect(self._location, self._stop) as connection:
                    opening = False
                    connection.execute(f"LISTEN {CHANNEL}")
                    if not works:
                        log.warning("notifications of other control planes work again")
                    works = True
                    self._listen(connection)
            except psycopg.Error as error:
                failure = explain(error, self._location, opening=opening)
                if works:
                    log.warning("no notifications of other control planes", reason=str(failure or error))
                works = False
                # While the server can't be reached, nobody could read what has changed.
                if not isinstance(failure, StoreUnreachable) or isinstance(failure, StoreCrowded):
                    self._tell_of(Topic)
            self._ended.wait(POLL - (time.monotonic() - began))

    def _listen(self, connection: ServerConnection) -> None:
        """Call listeners until this object is closed. Raises psycopg.Error."""
        is_pooled = connection.is_pooled
        if is_pooled:
            log.warning("a connection pooler may drop notifications of other control planes", seconds=POLL)
        self._tell_of(Topic)
        tests_at, test_arrived = time.monotonic() + TEST, True
        polls_at = time.monotonic() + POLL
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._ended.is_set():
                if time.monotonic() < tests_at:
                    selector.select(max((polls_at if is_pooled else tests_at) - time.monotonic(), 0))
                else:
                    is_pooled |= not test_arrived
                    # What arrives with the answer is received at once, because the selector wouldn't report it.
                    connection.execute(notify(_TEST, self._own_name))
                    tests_at, test_arrived = time.monotonic() + TEST, False
                topics = self._receive(connection)
                test_arrived |= _TEST in topics
                # Only then, and not whenever one arrives: listeners may write something, which sends the next one.
                if is_pooled and time.monotonic() >= polls_at:
                    topics |= set(Topic)
                    polls_at = time.monotonic() + POLL
                self._tell_of(topics)

    def _receive(self, connection: ServerConnection) -> set[str]:
        """Return the topics of waiting notifications, without waiting for any."""
        topics = set()
        for notification in connection.notifies(timeout=0):
            topic, _, sender = notification.payload.partition(" ")
            if sender != self._own_name or topic == _TEST:
                topics.add(topic)
        return topics

    def _tell_of(self, topics: Iterable[str]) -> None:
        for topic in topics:
            with suppress(ValueError):  # of a later version, or a test
                self._call(Topic(topic))

    def _call(self, topic: Topic) -> None:
        try:
            self._tell(topic)
        except Exception:
            log.exception("a listener failed", topic=topic)
