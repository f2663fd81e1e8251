"""
A gateway's Envoy: started detached, adopted by the next process, and supervised.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from holdfast.files.locks import shared_lock
from holdfast.gateway.process import launcher
from holdfast.gateway.process.binary import identify, read_version
from holdfast.gateway.process.bootstrap import write_bootstrap
from holdfast.gateway.process.detached import DetachedProcess
from holdfast.gateway.process.directory import GatewayDirectory
from holdfast.gateway.process.log_file import open_log, open_log_or_nothing
from holdfast.gateway.process.record import EnvoyRecord

if TYPE_CHECKING:
    from holdfast.gateway.process.admin import Admin

log = structlog.get_logger()
FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 10.0
CALM_AFTER = 30.0  # after running this long, pauses start over at FIRST_PAUSE
ENDS_WITHIN = 5.0
_BASE_IDS = 400_000_000  # Envoy multiplies them by 10, in 32 bits
_OPTIONS = ("--log-level", "warn", "--drain-strategy", "immediate", "--parent-shutdown-time-s", "0")
# Relative to Envoy's working directory, so that the longer names that Envoy makes of it fit into a socket's address.
# By default, Envoy uses abstract sockets, which every user of the machine can send commands to.
_HOT_RESTART = ("--socket-path", "restart", "--socket-mode", "600")


class EnvoyProcess:
    """
    The Envoy of one gateway: it outlives this process if that is killed, and is restarted until it is stopped.

    Lives on one event loop.
    """

    def __init__(
        self, binary: Path, node: str, directory: GatewayDirectory, log_file: Path, max_connections: int
    ) -> None:
        """*max_connections* limits callers' connections, over all listeners."""
        self.sockets = directory.sockets
        self.probe_socket = self.sockets / "probe"
        self.admin_socket = self.sockets / "admin"
        self.adopted = False  # whether Envoy was already running when `start` was called
        self.restarts = 0  # because it had ended
        self.ended_at: float | None = None  # when it last ended, in seconds since 1970
        self._directory = directory
        self._binary = binary
        bootstrap = write_bootstrap(node, self.sockets / "ads", self.admin_socket, self.probe_socket, max_connections)
        self._options = ["--config-yaml", bootstrap, *_OPTIONS, *_HOT_RESTART]
        self._log_file = log_file
        # Read now, because an upgrade may replace the file while this process runs.
        self._launcher = Path(launcher.__file__).read_text()
        self._record: EnvoyRecord | None = None
        self._process: DetachedProcess | None = None
        self._launching: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id, or None if Envoy isn't running."""
        return self._process.pid if self._process and not self._process.ended.is_set() else None

    @property
    def version(self) -> str | None:
        """Envoy's version, like `1.40.0`; None before the start, or if it can't be found out."""
        return self._record.version if self._record else None

    async def start(self) -> None:
        """
        Adopt the Envoy that is running, or start one if there is none, or if its configuration is another one.

        Raises:
            EnvoyLogUnusable: Its log can't be written.
            OSError: It can't be executed.
        """
        output = open_log(self._log_file)
        running = self._directory.running
        if running and await self._adopt(running):
            os.close(output)
            return
        await self._launch(output)

    async def keep(self) -> None:
        """Restart Envoy whenever it ends, until cancelled."""
        pause = FIRST_PAUSE
        while self._process:
            started = time.monotonic()
            await self._process.ended.wait()
            self.restarts, self.ended_at = self.restarts + 1, time.time()
            if time.monotonic() - started > CALM_AFTER:
                pause = FIRST_PAUSE
            log.error("gateway process ended", again_in_seconds=pause, log=str(self._log_file))
            while self._process.ended.is_set():
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                try:
                    await self._launch(open_log_or_nothing(self._log_file))
                except OSError as error:  # as while its package is replaced
                    log.error("gateway process can't start", why=str(error), again_in_seconds=pause)

    async def drain(self, within: float) -> None:
        """Accept no new connections, and wait at most *within* seconds for requests in flight."""
        await self._admin.drain(within)

    async def stop(self) -> None:
        """Stop Envoy and wait for it to end, which aborts open requests; cancel `keep` first, or it restarts Envoy."""
        await self._admin.close()
        if self._launching:
            await asyncio.wait([self._launching])
        if self._process:
            await self._process.end(ENDS_WITHIN)
            self._remove_traces()
            self._directory.record_file.unlink(missing_ok=True)

    async def warming(self) -> set[str] | None:
        """
        Return the clusters whose last version Envoy doesn't use yet; None if Envoy doesn't answer.

        Until its host is resolved and its secrets have arrived, the old version of a cluster stays in use. Each call
        stops Envoy while it walks through all statistics: for 3 ms with 300 APIs, for 20 ms with 2,000.
        """
        return await self._admin.warming()

    def load_admin(self) -> None:
        """Load the client that `warming` and `drain` use; later, an upgrade may have replaced its files on the disk."""
        _ = self._admin

    @cached_property
    def _admin(self) -> "Admin":
        # The start sends Envoy no request, and the HTTP client takes 0.1 s to load.
        from holdfast.gateway.process.admin import Admin

        return Admin(self.admin_socket)

    async def _adopt(self, running: EnvoyRecord) -> bool:
        """Supervise an Envoy that is running, if it has this configuration; otherwise, stop it."""
        try:
            process = DetachedProcess(running.pid, running.started)
        except ProcessLookupError:
            return False
        self._record, self._process = running, process
        if running.configuration != self._configuration():
            log.info("gateway process replaced, because its configuration is another one", pid=running.pid)
            await process.end(ENDS_WITHIN)
            return False
        self.adopted = True
        log.info("gateway process adopted", pid=running.pid)
        return True

    def _configuration(self) -> str:
        """Return a hash of everything that only a new process would apply."""
        return hashlib.sha256("\0".join([identify(self._binary), *self._options]).encode()).hexdigest()

    async def _launch(self, output: int) -> None:
        """Start Envoy. If this is cancelled, the launch continues, and `stop` waits for it."""
        self._remove_traces()
        self._launching = asyncio.create_task(self._run_launcher(output))
        await asyncio.shield(self._launching)

    async def _run_launcher(self, output: int) -> None:
        record: dict[str, Any] = {
            "sockets": str(self.sockets),
            "base_id": secrets.randbelow(_BASE_IDS),
            "restart_epoch": 0,
            "configuration": self._configuration(),
            "version": await asyncio.to_thread(read_version, self._binary),
        }
        command = [str(self._binary), *self._options, "--base-id", str(record["base_id"])]
        wish = {"command": command, "record": record, "record_file": str(self._directory.record_file)}
        with os.fdopen(output, "ab") as standard_error, shared_lock(self._directory.envoy_lock) as envoy_lock:
            helper = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", self._launcher),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=standard_error,
                pass_fds=(envoy_lock, self._directory.sockets_lock),
                cwd=self.sockets,
                start_new_session=True,  # Ctrl-C is for Holdfast, which stops Envoy in order
                umask=0o077,
                env=_without_ours(),
            )
            answer, _ = await helper.communicate(json.dumps(wish).encode())
        identity, *failure = map(json.loads, answer.splitlines())
        if failure:
            error = failure[0]["error"]
            raise OSError(error, os.strerror(error), str(self._binary))
        if identity["record_error"]:
            log.error("gateway process can't be adopted after a crash of Holdfast", why=identity["record_error"])
        self._record = EnvoyRecord(identity["pid"], identity["started"], **record)
        with contextlib.suppress(ProcessLookupError):
            self._process = DetachedProcess(self._record.pid, self._record.started)

    def _remove_traces(self) -> None:
        """Remove the shared memory of an Envoy that has ended, which Envoy leaves behind."""
        if self._record:
            Path(f"/dev/shm/envoy_shared_memory_{self._record.base_id}0").unlink(missing_ok=True)  # noqa: S108


def _without_ours() -> dict[str, str]:
    """Return the environment without Holdfast's settings: some are secrets, and Envoy needs none."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("HOLDFAST_")}
