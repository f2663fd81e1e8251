"""The PostgreSQL servers of the tests: they keep what was committed, and end with the test run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from postgresql import PostgresServer
from postgresql_ends import processes_of
from running import wait_until

RUN = """
from postgresql import shared_server
server = shared_server()
print(server.socket, flush=True)
input()
"""


def test_a_server_that_is_killed_or_stopped_keeps_its_rows_and_its_addresses():
    with PostgresServer() as server:
        database = server.create_database()
        with database.connect() as connection:
            connection.execute("CREATE TABLE survivor (name text)")
        for end in (server.kill, server.stop):
            with database.connect() as connection:
                connection.execute("INSERT INTO survivor VALUES (%s)", [end.__name__])
            end()
            server.start()
        with psycopg.connect(database.tcp_url, password=database.password) as connection:
            assert connection.execute("SELECT name FROM survivor").fetchall() == [("kill",), ("stop",)]


def test_a_paused_server_answers_once_it_continues():
    with PostgresServer() as server, server.create_database().connect() as connection:
        server.pause()
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(connection.info.dsn, connect_timeout=2)
        server.resume()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_test_run_that_is_killed_leaves_no_server_behind():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    environment.pop("PYTEST_XDIST_WORKER", None)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        socket = Path(process.stdout.readline().strip())
        postmaster = int((socket / "data" / "postmaster.pid").read_text().split()[0])
        assert len(processes_of(postmaster)) > 1
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not socket.parent.exists() and not Path(f"/proc/{postmaster}/exe").exists(), 60)
