"""
The implementation of `holdfast gateway stop`, `restart` and `status`: signals to a running agent, and its record.
"""

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from holdfast.cli.failures import CommandFailed
from holdfast.files.locks import LOCK_FILE, is_locked
from holdfast.gateway.agent.membership import UnusableMembership, read_membership
from holdfast.gateway.agent.record import AgentRecord, RecordFile
from holdfast.gateway.process.directory import ENVOY_LOCK, end_envoys
from holdfast.gateway.process.directory import RECORD_FILE as ENVOY_RECORD
from holdfast.gateway.process.log_file import ENVOY_LOG
from holdfast.gateway.process.record import read_record

LOOK_AGAIN = 0.05  # seconds
REPLACED_WITHIN = 90.0  # seconds for an agent and its Envoy to be replaced


@dataclass(frozen=True, slots=True)
class Status:
    """The state of the gateway in a directory, as its files show it."""

    data: Path
    agent: AgentRecord | None  # None: it doesn't run
    envoy: int | None  # its process ID
    envoy_version: str | None
    expired: datetime | None = None  # when its own certificate expired

    @property
    def is_running(self) -> bool:
        """Whether agent and Envoy run."""
        return bool(self.agent and self.envoy)

    @property
    def sentence(self) -> str:
        """Describe it."""
        envoy = f"Envoy {self.envoy_version} (process {self.envoy})" if self.envoy else "no Envoy"
        if not self.agent:
            serves = f"; {envoy} still serves callers" if self.envoy else ""
            return f"No gateway agent is running with {self.data}{serves}."
        since = self.agent.stale_since
        publisher = "is connected to its publisher"
        if since:
            time = f"{datetime.fromisoformat(since):%Y-%m-%d %H:%M:%S} UTC"
            publisher = f"has had no publisher since {time}{self._why}"
        return f"Gateway {self.agent.name} (process {self.agent.pid}) runs {envoy} and {publisher}."

    @property
    def is_rejected(self) -> bool:
        """Whether it runs, but its publisher doesn't accept its certificate, which may have expired."""
        return bool(self.agent and self.agent.stale_since and (self.agent.is_rejected or self.expired))

    @property
    def _why(self) -> str:
        reason = self.agent.stale_reason if self.agent else ""
        if self.expired:
            reason = f"its certificate expired on {self.expired:%Y-%m-%d %H:%M:%S} UTC."
        if self.is_rejected:
            return (
                f": {reason} Run `holdfast gateway enroll` for it at the publisher, then `holdfast gateway stop` and "
                "`holdfast gateway join` here"
            )
        return f": {reason.removesuffix('.')}" if reason else "; its log says why"

    def to_members(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        agent = self.agent
        return {
            "running": self.is_running,
            "name": agent.name if agent else None,
            "pid": agent.pid if agent else None,
            "version": agent.version if agent else None,
            "staleSince": agent.stale_since if agent else None,
            "staleReason": agent.stale_reason if agent else None,
            "rejected": self.is_rejected,
            "envoyPid": self.envoy,
            "envoyVersion": self.envoy_version,
        }


def read_status(data: Path, now: datetime) -> Status:
    """Return the status of the gateway in *data* at *now* (aware)."""
    agent = RecordFile(data).read() if is_locked(data / LOCK_FILE) else None
    if agent and not agent.is_running:  # `gateway join`, or an agent that is starting, has the lock
        agent = None
    envoy = read_record(data / ENVOY_RECORD)
    is_running = envoy is not None and envoy.is_running
    pid, envoy_version = envoy.pid if envoy and is_running else None, envoy.version if envoy else None
    return Status(data, agent, pid, envoy_version, _find_expiry(data, now))


def _find_expiry(data: Path, now: datetime) -> datetime | None:
    """Return when the certificate of the gateway in *data* expired; None if it hasn't, or if it has none."""
    with suppress(UnusableMembership, OSError):
        membership = read_membership(data)
        if membership and membership.validity[1] <= now:
            return membership.validity[1]
    return None


def stop_agent(data: Path) -> None:
    """Stop the gateway in *data*, and wait for its end. Raises CommandFailed if none is running."""
    if not is_locked(data / LOCK_FILE) and is_locked(data / ENVOY_LOCK):  # the agent has died
        end_envoys(data)
        return
    agent = _signal(data, signal.SIGTERM)
    _wait(lambda: not agent.is_running, None)
    if is_locked(data / ENVOY_LOCK):  # the agent was just starting
        end_envoys(data)


def replace_agent(data: Path) -> None:
    """Replace agent and Envoy of the gateway in *data*. Raises CommandFailed."""
    before, record = read_record(data / ENVOY_RECORD), RecordFile(data)
    record.write_problem("")
    _signal(data, signal.SIGHUP)

    def is_replaced() -> bool:
        envoy = read_record(data / ENVOY_RECORD)
        return envoy is not None and envoy.is_running and (before is None or envoy.pid != before.pid)

    def read_problem() -> str:
        agent = record.read()
        return agent.problem if agent else ""

    is_decided = _wait(lambda: is_replaced() or bool(read_problem()), REPLACED_WITHIN)
    if not is_decided or not is_replaced():
        why = read_problem() or f"The new Envoy isn't ready after {REPLACED_WITHIN:.0f} seconds."
        raise CommandFailed(f"{why} The old Envoy keeps serving. See {data / ENVOY_LOG}.")


def _signal(data: Path, number: signal.Signals) -> AgentRecord:
    """Send a signal to the agent, and return its record."""
    agent = read_status(data, datetime.now(UTC)).agent
    try:
        if agent is None or not agent.send_signal(number):
            raise CommandFailed(f"No gateway is running with {data}. Choose its directory with --data.")
    except PermissionError as error:
        raise CommandFailed(f"The gateway in {data} belongs to another user. Run this command as that user.") from error
    return agent


def _wait(condition: Callable[[], bool], within: float | None) -> bool:
    end = None if within is None else time.monotonic() + within
    while not condition():
        if end is not None and time.monotonic() > end:
            return False
        time.sleep(LOOK_AGAIN)
    return True
