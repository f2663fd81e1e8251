"""
The data directory of a gateway: locked by one process, and the record of the Envoy that may still run from before.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from holdfast.files.locks import LOCK_FILE, can_lock, is_locked
from holdfast.files.private_directories import NotPrivate, close_directory
from holdfast.gateway.process.record import EnvoyRecord, read_record
from holdfast.gateway.process.socket_directories import create_directory, use_directory
from holdfast.network.sockets import CannotStart

log = structlog.get_logger()
RECORD_FILE = "envoy.json"
SUCCESSOR_FILE = "envoy-next.json"  # until the successor takes over, in a hot restart
ENVOY_LOCK = "envoy.lock"  # each Envoy of the gateway holds a shared lock on it
RECORDED_WITHIN = 1.0  # seconds between the start of Envoy and its record
UNLOCKED_WITHIN = 1.0
ENDS_WITHIN = 5.0  # seconds
_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class GatewayDirectory:
    """The data directory of a gateway, and a directory with a short path for its Envoy's unix sockets."""

    path: Path
    sockets: Path
    sockets_lock: int  # a descriptor, which Envoy inherits
    running: EnvoyRecord | None  # the Envoy that was running when this process locked the directory
    successor: EnvoyRecord | None  # the one that was about to take over from it

    @property
    def record_file(self) -> Path:
        """Which Envoy is running."""
        return self.path / RECORD_FILE

    @property
    def successor_file(self) -> Path:
        """Which Envoy takes over."""
        return self.path / SUCCESSOR_FILE

    @property
    def envoy_lock(self) -> Path:
        """The file that each Envoy locks."""
        return self.path / ENVOY_LOCK


@contextmanager
def gateway_directory(path: Path) -> Iterator[GatewayDirectory]:
    """
    Create the data directory of a gateway, lock it, and find the Envoy that a killed process left running.

    At the end, the directory for sockets is removed, unless an Envoy still uses it.

    Raises:
        CannotStart: It can't be written, other users can or could write to it, or another process uses it.
    """
    path = path.absolute()  # the process that starts Envoy and writes its record has another working directory
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        close_directory(path, (LOCK_FILE,))
        lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except NotPrivate as error:
        raise CannotStart(str(error)) from error
    except OSError as error:
        raise CannotStart(f"Can't write {path}: {error.strerror}. Choose another with --data.") from error
    try:
        if not _can_lock_soon(lock):
            raise CannotStart(f"A gateway is already running with the data directory {path}. Stop it first.")
        running = _find_running(path)
        socket_lock = use_directory(Path(running.sockets)) if running else None
        if running and socket_lock is not None:
            sockets, descriptor = Path(running.sockets), socket_lock
        else:
            if running:  # its sockets were deleted, so it can no longer be configured
                _end_envoys(path)
            running = None
            sockets, descriptor = create_directory()
        try:
            successor = _read_running(path / SUCCESSOR_FILE) if running else None
            yield GatewayDirectory(path, sockets, descriptor, running, successor)
        finally:
            os.close(descriptor)
            if not is_locked(sockets / LOCK_FILE):
                shutil.rmtree(sockets, ignore_errors=True)
    finally:
        os.close(lock)


def _can_lock_soon(lock: int) -> bool:
    """Lock the directory; wait a moment for a child that a killed process was starting, which holds its locks, too."""
    end = time.monotonic() + UNLOCKED_WITHIN
    while not (has_lock := can_lock(lock)) and time.monotonic() < end:
        time.sleep(_PAUSE)
    return has_lock


def _find_running(path: Path) -> EnvoyRecord | None:
    """Return the Envoy that is running. One that is being started is waited for; one without a record is ended."""
    end = time.monotonic() + RECORDED_WITHIN
    while True:
        if record := _read_running(path / RECORD_FILE):
            return record
        if record := _read_running(path / SUCCESSOR_FILE):  # it has taken over
            (path / SUCCESSOR_FILE).replace(path / RECORD_FILE)
            return record
        if not is_locked(path / ENVOY_LOCK):
            return None
        if time.monotonic() > end:
            _end_envoys(path)
            return None
        time.sleep(_PAUSE)


def _read_running(file: Path) -> EnvoyRecord | None:
    record = read_record(file)
    return record if record and record.is_running else None


def end_envoys(path: Path) -> None:
    """
    End the Envoys of a gateway that nothing supervises; requests in flight fail.

    Raises:
        CannotStart: One can't be found, or still runs.
    """
    try:
        lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    try:
        if _can_lock_soon(lock):
            _end_envoys(path)
    finally:
        os.close(lock)


def _end_envoys(path: Path) -> None:
    lock = path / ENVOY_LOCK
    for number in (signal.SIGTERM, signal.SIGKILL):
        pids = {record.pid for name in (RECORD_FILE, SUCCESSOR_FILE) if (record := _read_running(path / name))}
        for pid in pids | set(_find_holders(lock)):
            log.warning("ending an Envoy that nothing supervises", pid=pid)
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        end = time.monotonic() + ENDS_WITHIN
        while is_locked(lock) and time.monotonic() < end:
            time.sleep(_PAUSE)
    if is_locked(lock):
        raise CannotStart(
            f"An Envoy that {path / RECORD_FILE} doesn't describe is running. End it (`lsof {lock}` shows its process "
            "ID), then start Holdfast again."
        )


def _find_holders(lock: Path) -> list[int]:
    """Return the processes that have opened a file; none where the system has no /proc."""
    if sys.platform != "linux" or not lock.exists():
        return []
    pids = []
    for descriptors in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):  # of another user, or it has just ended
            if any(descriptor.exists() and descriptor.samefile(lock) for descriptor in descriptors.iterdir()):
                pids.append(int(descriptors.parent.name))
    return pids
