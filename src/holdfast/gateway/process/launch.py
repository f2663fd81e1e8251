"""
Starts Envoy detached, by the program in `launcher.py`, and cleans up the memory that it shares with its successor.
"""

import asyncio
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import structlog

from holdfast.files.locks import shared_lock
from holdfast.gateway.process import launcher
from holdfast.gateway.process.binary import EnvoyMissing, identify, read_version
from holdfast.gateway.process.directory import GatewayDirectory
from holdfast.gateway.process.log_file import ENVOY_LOG
from holdfast.gateway.process.record import EnvoyRecord

log = structlog.get_logger()
_BASE_IDS = 400_000_000  # Envoy multiplies them by 10, in 32 bits
# The struct SharedMemory in Envoy's source/server/hot_restart_impl.h: size, version, two locks, flags.
_SHARED_BYTES, _FLAGS_AT, _INITIALIZING = 104, 96, 1


class Launch:
    """The start of one Envoy: its binary, its options, and its directory."""

    def __init__(self, find_binary: Callable[[], Path], options: Sequence[str], directory: GatewayDirectory) -> None:
        """
        *find_binary* is called for each start, and raises EnvoyMissing if there is none.

        *options* are all but those of hot restart, which each start adds.
        """
        self._find_binary = find_binary
        self._options = options
        self._directory = directory
        # Read now, because an upgrade may replace the file while this process runs.
        self._program = Path(launcher.__file__).read_text()

    @property
    def configuration(self) -> str:
        """A hash of everything that only a new process would apply. Raises EnvoyMissing."""
        return self._hash(self._find_binary())

    async def run(self, record_file: Path, output: int, predecessor: EnvoyRecord | None = None) -> EnvoyRecord:
        """
        Start Envoy, and return its record, which is also written to *record_file*.

        It writes to the descriptor *output*, which this closes. It takes over the listeners of its *predecessor*.

        Raises:
            EnvoyMissing: There is no binary, or the process that starts it ended early.
            OSError: It can't be executed.
        """
        with os.fdopen(output, "ab") as standard_error:
            return await self._run(record_file, standard_error, predecessor)

    async def _run(self, record_file: Path, standard_error: BinaryIO, predecessor: EnvoyRecord | None) -> EnvoyRecord:
        binary = self._find_binary()
        base_id = predecessor.base_id if predecessor else secrets.randbelow(_BASE_IDS)
        epoch = predecessor.restart_epoch + 1 if predecessor else 0
        record: dict[str, Any] = {
            "sockets": str(self._directory.sockets),
            "base_id": base_id,
            "restart_epoch": epoch,
            "configuration": self._hash(binary),
            "version": await asyncio.to_thread(read_version, binary),
        }
        of_hot_restart = ["--base-id", str(base_id), "--restart-epoch", str(epoch)]
        # Envoy sends it with its statistics, so that counters of different processes aren't mixed up.
        of_hot_restart += ["--service-zone", f"{base_id}.{epoch}"]
        command = [str(binary), *self._options, *of_hot_restart]
        wish = {"command": command, "record": record, "record_file": str(record_file)}
        with shared_lock(self._directory.envoy_lock) as envoy_lock:
            helper = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", self._program),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=standard_error,
                pass_fds=(envoy_lock, self._directory.sockets_lock),
                cwd=self._directory.sockets,
                start_new_session=True,  # Ctrl-C is for Holdfast, which stops Envoy in order
                umask=0o077,
                env=_remove_settings(),
            )
            answer, _ = await helper.communicate(json.dumps(wish).encode())
        if not answer:  # it was killed, for example because there was no memory
            text = f"Can't start {binary}: the process that starts it has ended."
            raise EnvoyMissing(f"{text} See {ENVOY_LOG} in the gateway's data directory, and check the free memory.")
        identity, *failure = map(json.loads, answer.splitlines())
        if failure:
            error = failure[0]["error"]
            raise OSError(error, os.strerror(error), str(binary))
        if identity["record_error"]:
            log.error("gateway process can't be adopted after a crash of Holdfast", why=identity["record_error"])
        return EnvoyRecord(identity["pid"], identity["started"], **record)

    def _hash(self, binary: Path) -> str:
        return hashlib.sha256("\0".join([identify(binary), *self._options]).encode()).hexdigest()


def remove_shared_memory(envoy: EnvoyRecord) -> None:
    """Remove the shared memory that an Envoy leaves behind when it ends."""
    _locate_shared_memory(envoy).unlink(missing_ok=True)


def allow_another_successor(running: EnvoyRecord) -> None:
    """
    Let an Envoy have another successor after one was killed while it was starting.

    Otherwise, each further one ends with "previous envoy process is still initializing".
    """
    try:
        with _locate_shared_memory(running).open("r+b") as memory:
            content = memory.read()
            if len(content) == _SHARED_BYTES and int.from_bytes(content[_FLAGS_AT:], sys.byteorder) == _INITIALIZING:
                memory.seek(_FLAGS_AT)
                memory.write(bytes(_SHARED_BYTES - _FLAGS_AT))
    except OSError as error:
        log.warning("gateway process can no longer be replaced", why=str(error))


def _locate_shared_memory(record: EnvoyRecord) -> Path:
    return Path(f"/dev/shm/envoy_shared_memory_{record.base_id}0")  # noqa: S108 - where shm_open creates it


def _remove_settings() -> dict[str, str]:
    """Return the environment without Holdfast's settings: some are secrets, and Envoy needs none."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("HOLDFAST_")}
