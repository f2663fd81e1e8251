"""
The record of a running agent in its data directory, which other processes read to describe and signal it.
"""

import json
import os
import signal
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from holdfast.files.replacement import replace_file
from holdfast.gateway.process import detached
from holdfast.gateway.process.launcher import read_start_time

RECORD_FILE = "agent.json"


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """A process, how it was started, and since when (ISO 8601, UTC) it has had no control plane; None: it has one."""

    pid: int
    started: str  # see `launcher.start_time`
    name: str
    version: str
    arguments: tuple[str, ...]
    stale_since: str | None
    problem: str = ""  # why Envoy couldn't be replaced, since this process started
    stale_reason: str = ""  # why it has no control plane
    is_rejected: bool = False  # the control plane rejects its certificate

    @property
    def is_running(self) -> bool:
        """Whether this process still runs."""
        return detached.is_running(self.pid, self.started)

    def send_signal(self, number: signal.Signals) -> bool:
        """Send a signal; return False if the process has ended, as when it was killed. Raises PermissionError."""
        return detached.send_signal(self.pid, self.started, number)


class RecordFile:
    """The file in the data directory of an agent; that of a killed agent stays until the next one starts."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / RECORD_FILE

    def write(self, name: str, version: str, arguments: tuple[str, ...], now: datetime) -> None:
        """Record this process as the agent *name*, which doesn't have a control plane yet."""
        self._write(
            AgentRecord(os.getpid(), read_start_time(os.getpid()) or "", name, version, arguments, now.isoformat())
        )

    def write_stale(self, since: datetime | None) -> None:
        """Record since when the agent has had no control plane; a full disk is ignored."""
        with suppress(OSError):
            if record := self.read():
                self._write(replace(record, stale_since=since.isoformat() if since else None))

    def write_absence(self, reason: str, is_rejected: bool) -> None:
        """Record why the agent has no control plane; empty if it has one. A full disk is ignored."""
        with suppress(OSError):
            record = self.read()
            if record and (record.stale_reason, record.is_rejected) != (reason, is_rejected):
                self._write(replace(record, stale_reason=reason, is_rejected=is_rejected))

    def write_problem(self, problem: str) -> None:
        """Record why Envoy couldn't be replaced; a full disk is ignored."""
        with suppress(OSError):
            if record := self.read():
                self._write(replace(record, problem=problem))

    def read(self) -> AgentRecord | None:
        """Return the record, None if there is none or it can't be read."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            members = json.loads(self._path.read_bytes())
            identity = {"pid": int(members["pid"]), "started": str(members["started"])}
            return AgentRecord(**members | identity | {"arguments": tuple(members["arguments"])})
        return None

    def remove(self) -> None:
        """Remove the record: the agent ends because it was asked to."""
        with suppress(OSError):
            self._path.unlink()

    def _write(self, record: AgentRecord) -> None:
        replace_file(self._path, json.dumps(asdict(record)).encode())
