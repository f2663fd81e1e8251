"""
A gateway's Envoy: started detached, adopted by the next process, supervised, and replaced without a failed request.
"""

import asyncio
import math
import os
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import structlog

from holdfast.gateway.process.admin import Admin
from holdfast.gateway.process.binary import EnvoyMissing
from holdfast.gateway.process.bootstrap import write_bootstrap
from holdfast.gateway.process.detached import DetachedProcess
from holdfast.gateway.process.directory import GatewayDirectory
from holdfast.gateway.process.events import wait_for_one
from holdfast.gateway.process.launch import Launch, allow_another_successor, remove_shared_memory
from holdfast.gateway.process.log_file import open_log, open_log_or_nothing
from holdfast.gateway.process.record import EnvoyRecord
from holdfast.gateway.telemetry.telemetry import NO_TELEMETRY, Telemetry

log = structlog.get_logger()
FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 10.0
CALM_AFTER = 30.0  # after running this long, pauses start over at FIRST_PAUSE
ENDS_WITHIN = 5.0
READY_WITHIN = 60.0  # for a successor; with 10,000 APIs, the start takes ten seconds
DRAIN = 30.0
_READY_AGAIN = 0.02
_OPTIONS = ("--log-level", "warn", "--drain-strategy", "immediate", "--file-flush-interval-msec", "1000")
# Relative to Envoy's working directory, so that the longer names that Envoy makes of it fit into a socket's address.
# By default, Envoy uses abstract sockets, which every user of the machine can send commands to.
_HOT_RESTART = ("--socket-path", "restart", "--socket-mode", "600")


class ReplacementFailed(RuntimeError):
    """Envoy wasn't replaced and keeps serving; the text says why."""


class EnvoyProcess:
    """
    The Envoy of one gateway: it outlives this process if that is killed, and is restarted until it is stopped.

    Lives on one event loop.
    """

    def __init__(
        self,
        find_binary: Callable[[], Path],
        node: str,
        directory: GatewayDirectory,
        log_file: Path,
        max_connections: int,
        now: Callable[[], datetime],
        drain: float = DRAIN,
        telemetry: Telemetry = NO_TELEMETRY,
    ) -> None:
        """
        *find_binary* is called for each start, and raises EnvoyMissing if there is none.

        *max_connections* limits callers' connections, over all listeners. An Envoy that was replaced has *drain*
        seconds to finish requests. *telemetry* is what it logs and traces.
        """
        self.telemetry = telemetry
        self.sockets = directory.sockets
        self.probe_socket = self.sockets / "probe"
        self.admin_socket = self.sockets / "admin"
        self._admin = Admin(self.admin_socket)
        self.replacement_problem = ""  # why `start` couldn't replace an Envoy with another configuration
        self.adopted = False  # whether Envoy was already running at the start, with the same configuration
        self.restarts = 0  # because it had ended
        self.ended_at: datetime | None = None  # when it last ended
        self._now = now
        self._directory = directory
        self._log_file = log_file
        self._drain = math.ceil(drain) + 1
        bootstrap = write_bootstrap(
            node, self.sockets / "ads", self.admin_socket, self.probe_socket, max_connections, telemetry
        )
        times = ("--drain-time-s", str(math.ceil(drain)), "--parent-shutdown-time-s", str(self._drain))
        self._launch = Launch(find_binary, ["--config-yaml", bootstrap, *_OPTIONS, *times, *_HOT_RESTART], directory)
        self._record: EnvoyRecord | None = None
        self._process: DetachedProcess | None = None
        self._successor: DetachedProcess | None = None  # while it is starting
        self._predecessor: DetachedProcess | None = None  # while it finishes requests
        self._one_replacement = asyncio.Lock()
        self._taking_over = asyncio.Lock()  # from the start of a successor until it has taken over or failed
        self._replaced = asyncio.Event()  # wakes `keep`
        self._stopping = False
        self._tasks = set[asyncio.Task[None]]()

    @property
    def pid(self) -> int | None:
        """The process id, or None if Envoy isn't running."""
        return self._process.pid if self._process and not self._process.ended.is_set() else None

    @property
    def version(self) -> str | None:
        """Envoy's version, like `1.40.0`; None before the start, or if it can't be found out."""
        return self._record.version if self._record else None

    @property
    def left_running(self) -> EnvoyRecord | None:
        """The Envoy that an earlier process left running, which `start` adopts."""
        return self._directory.running

    async def start(self) -> None:
        """
        Adopt the Envoy that is running, or start one if there is none; replace it if its configuration is another one.

        If it can't be replaced, it keeps serving.

        Raises:
            EnvoyMissing: None is running, and there is no binary.
            EnvoyLogUnusable: Its log can't be written.
            OSError: It can't be executed.
        """
        output = open_log(self._log_file)
        running = self._directory.running
        if running and await self._adopt(running):
            os.close(output)
        else:
            await self._begin(output)

    async def keep(self) -> None:
        """Restart Envoy whenever it ends, until cancelled."""
        pause = FIRST_PAUSE
        while process := self._process:
            began = time.monotonic()
            self._replaced.clear()
            await wait_for_one(
                process.ended, self._replaced
            )  # a predecessor ends only once it has finished its requests
            async with self._taking_over:  # its successor may be about to do so
                if self._process is not process:
                    continue
            self.restarts, self.ended_at = self.restarts + 1, self._now()
            if time.monotonic() - began > CALM_AFTER:
                pause = FIRST_PAUSE
            log.error("gateway process ended", again_in_seconds=pause, log=str(self._log_file))
            while process.ended.is_set() and self._process is process:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                try:
                    await self._begin(open_log_or_nothing(self._log_file))
                except (EnvoyMissing, OSError) as error:  # as while its package is replaced
                    log.error("gateway process can't start", why=str(error), again_in_seconds=pause)

    async def replace(self) -> None:
        """
        Replace Envoy by a new one, by hot restart: no connection is refused, and no request fails.

        The new one gets the listening sockets and everything that the discovery service has; call this only while that
        serves. Once the new one is ready, the old one accepts no more connections and finishes its requests. Waits for
        the end of an Envoy that was replaced before.

        Raises:
            ReplacementFailed: The new one didn't become ready; the old one keeps serving, without admin interface.
            EnvoyMissing: There is no binary.
            OSError: It can't be executed.
        """
        await self._finish(self._replace())

    async def drain(self, within: float) -> None:
        """Accept no new connections, and wait at most *within* seconds for requests in flight."""
        await self._admin.drain(within)

    async def stop(self) -> None:
        """Stop Envoy and wait for it to end, which aborts open requests; cancel `keep` first, or it restarts Envoy."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait(self._tasks)
        if not self._process and (running := self.left_running):
            self._record, self._process = running, DetachedProcess(running.pid, running.started)
        processes = [process for process in (self._process, self._successor, self._predecessor) if process]
        await asyncio.gather(*(process.end(ENDS_WITHIN) for process in processes))
        if self._record:
            remove_shared_memory(self._record)
        self._directory.record_file.unlink(missing_ok=True)

    async def list_warming(self) -> set[str] | None:
        """
        Return the clusters whose last version Envoy doesn't use yet; None if Envoy doesn't answer.

        Until its host is resolved and its secrets have arrived, the old version of a cluster stays in use. Each call
        stops Envoy while it walks through all statistics: for 3 ms with 300 APIs, for 20 ms with 2,000.
        """
        return await self._admin.list_warming()

    async def _adopt(self, running: EnvoyRecord) -> bool:
        """Supervise an Envoy that is running, and replace it if necessary. Return False if it has ended."""
        process = DetachedProcess(running.pid, running.started)
        if process.ended.is_set():
            return False
        self._record, self._process = running, process
        log.info("gateway process adopted", pid=running.pid)
        if self._directory.successor:
            with suppress(ReplacementFailed):
                await self._finish(self._take_over(self._directory.successor))
        try:
            self.adopted = self._record.configuration == self._launch.configuration
            if not self.adopted:
                log.info("gateway process is replaced, because its configuration is another one", pid=self.pid)
                await self.replace()
        except (ReplacementFailed, EnvoyMissing, OSError) as error:
            log.error("gateway process keeps running, because it can't be replaced", why=str(error))
            self.replacement_problem = str(error)
        return self.pid is not None

    async def _begin(self, output: int) -> None:
        """Start Envoy, and wait until it runs."""

        async def run() -> None:
            if self._record:
                remove_shared_memory(self._record)
            self._record = await self._launch.run(self._directory.record_file, output)
            self._process = DetachedProcess(self._record.pid, self._record.started)

        await self._finish(run())

    async def _finish(self, work: Coroutine[None, None, None]) -> None:
        """Do *work* to its end even if this is cancelled; `stop` waits for that."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    async def _replace(self) -> None:
        async with self._one_replacement:
            if self._predecessor:
                await self._predecessor.ended.wait()
            async with self._taking_over:
                if self._record is None or self.pid is None:
                    raise ReplacementFailed("Envoy isn't running.")
                output = open_log_or_nothing(self._log_file)
                successor = await self._launch.run(self._directory.successor_file, output, self._record)
                await self._take_over(successor)

    async def _take_over(self, record: EnvoyRecord) -> None:
        """Wait until the successor is ready, and supervise it; otherwise, kill it."""
        self._successor = successor = DetachedProcess(record.pid, record.started)
        try:
            await self._wait_until_ready(successor, record.restart_epoch)
            with suppress(FileNotFoundError):  # the disk was full
                self._directory.successor_file.replace(self._directory.record_file)
        except BaseException:
            successor.send_signal(signal.SIGKILL)
            await successor.ended.wait()
            if self._record:
                allow_another_successor(self._record)
            self._directory.successor_file.unlink(missing_ok=True)
            raise
        finally:
            self._successor = None
        self._predecessor, self._process, self._record = self._process, successor, record
        self._replaced.set()
        if self._predecessor:
            # The successor ends it after this time, unless it has ended itself.
            late = self._drain + ENDS_WITHIN
            asyncio.get_running_loop().call_later(late, self._predecessor.send_signal, signal.SIGKILL)
        log.info("gateway process replaced", pid=record.pid)

    async def _wait_until_ready(self, successor: DetachedProcess, epoch: int) -> None:
        end = time.monotonic() + READY_WITHIN
        while await self._admin.find_live_epoch() != epoch:
            if successor.ended.is_set():
                raise ReplacementFailed(f"The new Envoy ended during its start. {self._log_file} has the reason.")
            if self._stopping or time.monotonic() > end:
                raise ReplacementFailed(f"The new Envoy wasn't ready after {READY_WITHIN:.0f} seconds.")
            await asyncio.sleep(_READY_AGAIN)
