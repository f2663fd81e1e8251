"""
The implementation of `holdfast gateway run`: the composition root of an agent.
"""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from holdfast.cli.server.failures import failures_in_words
from holdfast.cli.server.signals import console, run_until_stopped
from holdfast.gateway.agent.agent import DISCOVERY_SOCKET, run_agent
from holdfast.gateway.agent.record import RecordFile
from holdfast.gateway.process.binary import find_envoy
from holdfast.gateway.process.directory import gateway_directory
from holdfast.gateway.process.envoy import EnvoyProcess
from holdfast.gateway.process.log_file import ENVOY_LOG
from holdfast.server.clock import utc_now
from holdfast.server.limits import connection_limits, raise_file_limit
from holdfast.server.logs import configure_logging


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """The options of `holdfast gateway run`; *drain* is in seconds."""

    data: Path
    name: str
    control_plane: str | None
    drain: float
    envoy: Path | None
    log_level: str


def serve(options: AgentOptions) -> None:
    """Run a gateway until a signal arrives. Raises CommandFailed."""
    configure_logging(options.log_level)
    with failures_in_words():
        hangup = asyncio.Event()
        if run_until_stopped(_gateway(options, hangup), hangup):
            # The same process with the code that is installed now; it adopts the running Envoy.
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606


async def _gateway(options: AgentOptions, hangup: asyncio.Event) -> bool:
    """Run the gateway until it is stopped (raises CancelledError), or left to another agent; return whether to ours."""
    binary = find_envoy(options.envoy)
    limits = connection_limits(raise_file_limit())
    with gateway_directory(options.data) as directory:
        record = RecordFile(options.data)
        record.write(options.name, version("holdfast-gateway"), tuple(sys.argv[3:]), utc_now())
        process = EnvoyProcess(binary, options.name, directory, options.data / ENVOY_LOG, limits.gateway)
        leave = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, leave.set)
        try:
            async with run_agent(
                options.name, options.data, process, _reach(options, process.sockets), utc_now, record.write_stale
            ):
                process.load_admin()
                console.print("The gateway runs. Press Ctrl-C to stop it.")
                try:
                    await _either(leave, hangup)
                except asyncio.CancelledError:
                    await process.drain(options.drain)
                    raise
        finally:
            if not (leave.is_set() or hangup.is_set()):
                await process.stop()
                record.remove()
    return hangup.is_set()


def _reach(options: AgentOptions, sockets: Path) -> str:
    """Return the control plane's address. A socket is reached through a link, because its own path can be too long."""
    address = options.control_plane or f"unix:{options.data.parent / DISCOVERY_SOCKET}"
    if not address.startswith("unix:"):
        return address
    socket = Path(address.removeprefix("unix:")).absolute()
    link = sockets / "control-plane"
    link.unlink(missing_ok=True)
    link.symlink_to(socket.parent)
    return f"unix:{link / socket.name}"


async def _either(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
