"""
The gateway on the publisher's machine: an agent in a separate process, which outlives the publisher.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from holdfast.files.locks import LOCK_FILE, is_locked
from holdfast.gateway.agent.environment import ENVIRONMENT
from holdfast.gateway.agent.record import AgentRecord, RecordFile
from holdfast.gateway.process.directory import ENVOY_LOCK, end_envoys
from holdfast.gateway.process.log_file import ENVOY_LOG, open_log
from holdfast.network.sockets import CannotStart

log = structlog.get_logger()
AGENT_MODULE = "holdfast.cli.server.agent_process"  # in a layer above, so it is never imported
LOOK_AGAIN = 0.1  # seconds between checks whether an agent that another publisher started still runs
STOPS_WITHIN = 10.0  # seconds, after requests in flight have ended
LEAVES_WITHIN = 60.0  # seconds for an agent to begin, and to leave its Envoy to another one
FIRST_PAUSE, LONGEST_PAUSE, CALM_AFTER = 0.1, 10.0, 30.0  # seconds between starts of an agent that keeps ending
# The agent needs no secrets of the publisher.
_INHERITED = {"HOLDFAST_ENVOY", "HOLDFAST_LOG_LEVEL"}


class LocalGateway:
    """Starts the agent in *directory*, unless it runs already. Lives on one event loop."""

    def __init__(self, directory: Path, control_plane: Path, drain: float, options: Iterable[str] = ()) -> None:
        """
        *control_plane* is the socket where the publisher serves gateways; *drain* is in seconds.

        *options* are more arguments of the agent.
        """
        self.directory = directory
        self._record = RecordFile(directory)
        self._arguments = [
            f"--data={directory}",
            f"--control-plane=unix:{control_plane}",
            f"--drain-timeout={drain}s",
            *options,
        ]
        self._child: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def is_running(self) -> bool:
        """Whether an agent runs in the directory, even one that another publisher started."""
        return is_locked(self.directory / LOCK_FILE)

    @property
    def is_serving(self) -> bool:
        """Whether its Envoy runs, even without an agent."""
        return is_locked(self.directory / ENVOY_LOCK)

    async def start(self, name: str) -> None:
        """
        Start the agent of the gateway *name*, or take over the one that runs; one that was started differently is
        replaced.

        Raises:
            EnvoyLogUnusable: Envoy's log can't be written.
            CannotStart: Another process uses the directory, and didn't end within LEAVES_WITHIN.
        """
        self._arguments.append(f"--name={name}")
        with suppress(OSError):  # the agent reports others
            os.close(open_log(self.directory / ENVOY_LOG, create=False))
        try:
            async with asyncio.timeout(LEAVES_WITHIN):
                is_suitable = await self._replace_running()
        except TimeoutError as error:
            lock = self.directory / LOCK_FILE
            raise CannotStart(
                f"Can't start the gateway in {self.directory}: a process that uses it hasn't ended within "
                f"{LEAVES_WITHIN:.0f} seconds. End it (`lsof {lock}` shows its process ID), then start Holdfast again. "
                "Until then, the gateway's Envoy keeps serving."
            ) from error
        if not is_suitable:
            await self._spawn()

    async def wait(self, ready: Coroutine[Any, Any, None]) -> None:
        """
        Wait until *ready* ends.

        Raises:
            CannotStart: The agent ended before.
        """
        waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(ready)]
        if self._child:
            waiting.append(asyncio.ensure_future(self._child.wait()))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not waiting[0].done():
                raise CannotStart(f"The gateway in {self.directory} can't start. Its own message says why.")
            await waiting[0]
        finally:
            for task in waiting:
                task.cancel()

    async def keep(self) -> None:
        """Start the agent again whenever it ends, until cancelled."""
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            await self._wait_until_ended()
            if self._stopping or self._record.read() is None:
                log.info("gateway was stopped")
                await asyncio.Event().wait()
            if time.monotonic() - began > CALM_AFTER:
                pause = FIRST_PAUSE
            log.error("gateway agent ended", again_in_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            if not self._stopping:
                await self._spawn()

    async def stop(self, drain: float) -> None:
        """
        End the agent and its Envoy, after at most *drain* seconds for requests in flight; `keep` doesn't start another.

        If this is cancelled, both end at once.
        """
        self._stopping = True
        try:
            self._signal()
            async with asyncio.timeout(drain + STOPS_WITHIN):
                await self._wait_until_ended()
        except asyncio.CancelledError:
            self._signal()
            raise
        except TimeoutError:
            log.error("gateway agent doesn't stop", data=str(self.directory))
        if self.is_serving and not self.is_running:  # the agent had died, or was still starting
            await asyncio.to_thread(end_envoys, self.directory)

    async def stop_own(self) -> None:
        """End the agent if this publisher started it; one that it took over continues, because the start failed."""
        if self._child and self._child.returncode is None:
            await self.stop(0.0)

    async def _replace_running(self) -> bool:
        """
        Let an agent that was started differently end; return whether one runs as it should.

        One that is starting has no record yet, or the directory still has that of another one, which was killed.
        """
        leaving: AgentRecord | None = None
        while self.is_running:
            record = self._record.read()
            if record and self._is_suitable(record):
                log.info("gateway is running already", pid=record.pid)
                return True
            is_other = record and (leaving is None or (record.pid, record.started) != (leaving.pid, leaving.started))
            # It leaves its Envoy to the next agent.
            if record and is_other and record.send_signal(signal.SIGUSR1):
                leaving = record
            await asyncio.sleep(LOOK_AGAIN)
        return False

    def _is_suitable(self, record: AgentRecord) -> bool:
        return record.arguments == tuple(self._arguments) and record.version == version("holdfast-gateway")

    def _signal(self) -> None:
        if self._child and self._child.returncode is None:
            self._child.terminate()
        elif self.is_running and (record := self._record.read()):
            record.send_signal(signal.SIGTERM)

    async def _wait_until_ended(self) -> None:
        if self._child:
            await self._child.wait()
        while self.is_running:  # noqa: ASYNC110 - another process can't set an event
            await asyncio.sleep(LOOK_AGAIN)

    async def _spawn(self) -> None:
        # In its own session, it gets neither Ctrl-C nor the signal of a terminal that closes.
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", AGENT_MODULE),
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            env=_build_environment(),
        )


def _build_environment() -> dict[str, str]:
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_") or name in _INHERITED
    }
    return ENVIRONMENT | variables
