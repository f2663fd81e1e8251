"""
A process that is stopped while it holds the lease does nothing once another one has taken over.

In production, a lease lasts 10 seconds; here, 0.5. A process that is stopped for a minute is stopped for six leases.
"""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from holdfast.server.clock import utc_now
from holdfast.store.database import Store
from holdfast.store.postgresql.location import parse_location
from postgresql import shared_server
from running import wait_until

PROGRAM = Path(__file__).with_name("acting_process.py")
STOPPED_FOR = 6 * timedelta(seconds=0.5)  # six leases of the process
TIMES = 2
WITHIN = 60.0  # seconds, on a busy machine


@pytest.fixture
def database():
    scratch = shared_server().create_database()
    Store(parse_location(scratch.url), utc_now()).close()  # with its tables
    with scratch.connect() as connection:
        connection.execute(
            "CREATE TABLE act (number bigserial PRIMARY KEY, holder text, term integer, "
            "at timestamptz DEFAULT clock_timestamp())"
        )
        yield scratch, connection


def test_a_holder_that_was_stopped_never_acts_after_its_successor(database):
    scratch, connection = database

    def last_holder():
        row = connection.execute("SELECT holder FROM act ORDER BY number DESC LIMIT 1").fetchone()
        return row and row[0]

    def replace_holder(before, after):
        """Stop the process that acts, and let it continue after STOPPED_FOR, when another process acts."""
        os.kill(processes[before].pid, signal.SIGSTOP)
        (stopped_at,) = connection.execute("SELECT clock_timestamp()").fetchone()
        query = "SELECT 1 FROM act WHERE holder = %s AND at > %s LIMIT 1"
        wait_until(lambda: connection.execute(query, (after, stopped_at + STOPPED_FOR)).fetchone(), WITHIN)
        os.kill(processes[before].pid, signal.SIGCONT)

    with ExitStack() as stack:
        processes = {}
        for name in ("one", "two"):
            processes[name] = subprocess.Popen([sys.executable, PROGRAM, scratch.url, name])
            stack.callback(processes[name].wait)
            stack.callback(processes[name].kill)
        for _ in range(TIMES):
            holder = wait_until(last_holder, WITHIN)
            (other,) = processes.keys() - {holder}
            replace_holder(holder, other)
            replace_holder(other, holder)
    rows = connection.execute("SELECT holder, term FROM act ORDER BY number").fetchall()
    terms = [term for _, term in rows]
    assert terms == sorted(terms)
    assert len({term for _, term in rows}) == len(set(rows)) >= 2 * TIMES  # each term has one holder
