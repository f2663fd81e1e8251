"""
The implementation of `holdfast gateway run`: the composition root of an agent.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from holdfast.cli.failures import CommandFailed
from holdfast.cli.server.agent_options import MONITORING, AgentOptions
from holdfast.cli.server.failures import failures_in_words
from holdfast.cli.server.signals import run_until_stopped, tell
from holdfast.files.distributions import find_version
from holdfast.files.private_directories import is_writable_for_others
from holdfast.gateway.agent.agent import DISCOVERY_SOCKET, run_agent
from holdfast.gateway.agent.callers_tls import OWN_OPTIONS
from holdfast.gateway.agent.control_plane import ControlPlane, LocalControlPlane, RemoteControlPlane
from holdfast.gateway.agent.membership import Membership, UnusableMembership, read_membership
from holdfast.gateway.agent.record import RecordFile
from holdfast.gateway.process.binary import EnvoyMissing, find_envoy
from holdfast.gateway.process.directory import gateway_directory
from holdfast.gateway.process.envoy import EnvoyProcess, ReplacementFailed
from holdfast.gateway.process.events import wait_for_one
from holdfast.gateway.process.log_file import ENVOY_LOG
from holdfast.gateway.telemetry.collector import CollectorUnusable
from holdfast.gateway.telemetry.telemetry import Telemetry
from holdfast.network.addresses import Addresses
from holdfast.network.listen_addresses import parse_addresses
from holdfast.network.sockets import CannotStart, listen
from holdfast.server.clock import utc_now
from holdfast.server.logs import configure_logging
from holdfast.server.machine.limits import compute_connection_limits, raise_file_limit
from holdfast.work.garbage import retain

if TYPE_CHECKING:
    from holdfast.network.presented_files import GatewayCertificate

log = structlog.get_logger()
_REPLACES = "HOLDFAST_GATEWAY_IS_RESTARTING"  # in the environment from SIGHUP to the start that it causes

UNIX = "unix:"


def serve(options: AgentOptions) -> None:
    """Run a gateway until a signal arrives. Raises CommandFailed."""
    configure_logging(options.log_level)
    with failures_in_words():
        hangup = asyncio.Event()
        try:
            is_replaced = run_until_stopped(_run_gateway(options, hangup), hangup)
        except UnusableMembership as error:
            raise CommandFailed(str(error)) from error
        if is_replaced:
            # The same process with the code that is installed now; it adopts the running Envoy, and replaces it.
            os.environ[_REPLACES] = "1"
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606


async def _run_gateway(options: AgentOptions, hangup: asyncio.Event) -> bool:
    """Run the gateway until it is stopped (raises CancelledError), or left to another agent; return whether to ours."""
    is_restart = os.environ.pop(_REPLACES, None) is not None
    find_binary = partial(find_envoy, options.envoy)
    limits = compute_connection_limits(raise_file_limit())
    with gateway_directory(options.data) as directory, listen(options.monitoring, MONITORING) as sockets:
        if directory.running is None:
            find_binary()
        membership, seeds = _find_membership(options)
        name = membership.name if membership else options.name
        leave = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, leave.set)
        record = RecordFile(options.data)
        record.write(name, find_version("holdfast-gateway"), tuple(sys.argv[1:]), utc_now())
        telemetry = _open_telemetry(options, name)
        process = EnvoyProcess(
            find_binary, name, directory, options.data / ENVOY_LOG, limits.gateway, utc_now, options.drain, telemetry
        )
        certificate = _open_certificate(options)
        try:
            control_plane = _find_control_plane(options, membership, seeds, process.sockets)
            async with run_agent(
                name,
                options.data,
                process,
                control_plane,
                utc_now,
                record.write_stale,
                options.addresses,
                certificate,
                record.write_absence,
                sockets,
            ) as wait_until_ready:
                tell("The gateway is starting. Press Ctrl-C to stop it.")
                announcing = asyncio.create_task(_announce(name, wait_until_ready))
                try:
                    if is_restart:
                        await _replace(process, record)
                    await _wait_for_end(options, certificate, leave, hangup)
                except asyncio.CancelledError:
                    await process.drain(options.drain)
                    raise
                finally:
                    announcing.cancel()
        except asyncio.CancelledError:
            for event in (leave, hangup):  # it was about to end or restart without its Envoy, which must end now
                event.clear()
            raise
        finally:
            if not (leave.is_set() or hangup.is_set()):
                await process.stop()
                record.remove()
    return hangup.is_set()


async def _wait_for_end(
    options: AgentOptions, certificate: "GatewayCertificate | None", leave: asyncio.Event, hangup: asyncio.Event
) -> None:
    """Wait until this agent must leave its Envoy to another one, or is asked to start again and can."""
    while not (leave.is_set() or hangup.is_set()):
        await wait_for_one(leave, hangup)
        if hangup.is_set() and not _can_start_again(options, certificate):
            hangup.clear()


async def _announce(name: str, wait_until_ready: Callable[[], Awaitable[bool]]) -> None:
    """Print one line once callers are served."""
    is_connected = await wait_until_ready()
    retain()
    tell(f"Gateway {name} is ready{'' if is_connected else ', without its publisher: it serves what it served last'}.")


async def _replace(process: EnvoyProcess, record: RecordFile) -> None:
    """Replace the Envoy that was adopted, unless another configuration was a reason to do so at the start."""
    try:
        if process.replacement_problem:
            record.write_problem(process.replacement_problem)
        elif process.adopted:
            await process.replace()
    except (ReplacementFailed, EnvoyMissing, OSError) as error:
        log.error("gateway process keeps running, because it can't be replaced", why=str(error))
        record.write_problem(str(error))


def _open_telemetry(options: AgentOptions, name: str) -> Telemetry:
    try:
        collector = options.collector.read(options.data)
    except CollectorUnusable as error:
        raise CommandFailed(f"--traces: {error}.") from error
    try:
        metrics = options.metrics.open()
    except CollectorUnusable as error:
        raise CommandFailed(f"--metrics: {error}.") from error
    return Telemetry(options.access_log.read(options.data), collector, metrics, name)


def _open_certificate(options: AgentOptions) -> "GatewayCertificate | None":
    if options.certificate is None:
        return None
    # cryptography takes memory, and most gateways need no certificate.
    from holdfast.network.presented_files import GatewayCertificate

    return GatewayCertificate(*options.certificate, utc_now, OWN_OPTIONS)


def _can_start_again(options: AgentOptions, certificate: "GatewayCertificate | None") -> bool:
    problem = ""
    try:
        find_envoy(options.envoy)
    except EnvoyMissing as error:
        problem = str(error)
    if certificate:
        certificate.read_again()
        if certificate.is_previous:  # only this process has it
            problem = certificate.get_state(utc_now()).problem
    if problem:
        log.error("gateway isn't restarted", why=problem)
        RecordFile(options.data).write_problem(problem)
    return not problem


def _find_membership(options: AgentOptions) -> tuple[Membership | None, Addresses]:
    """Return the membership, None if the control plane is on this machine, and the addresses that were given."""
    address = options.control_plane
    if address and address.startswith(UNIX):
        return None, ()
    membership = read_membership(options.data)
    if not address:
        return membership, ()
    if membership is None:
        # Without a certificate of the publisher, anyone on the way could configure this gateway.
        text = "it hasn't joined a publisher on another machine. Run `holdfast gateway join`, or use unix:PATH"
        raise CommandFailed(f"The gateway in {options.data} can't connect to {address}: {text}.")
    try:
        return membership, parse_addresses([address])
    except ValueError as error:
        raise CommandFailed(f"--control-plane: {error}, or unix:PATH.") from error


def _find_control_plane(
    options: AgentOptions, membership: Membership | None, seeds: Addresses, sockets: Path
) -> ControlPlane:
    """Return the publisher that the gateway has joined, or else the one on this machine."""
    if membership:
        return RemoteControlPlane(options.data, membership, utc_now, seeds)
    return LocalControlPlane(_reach(options, sockets))


def _reach(options: AgentOptions, sockets: Path) -> str:
    """
    Return the control plane's address. A socket is reached through a link, because its own path can be too long.

    Raises CannotStart if other users could put a socket there.
    """
    address = options.control_plane or f"{UNIX}{options.data.parent / DISCOVERY_SOCKET}"
    socket = Path(address.removeprefix(UNIX)).absolute()
    if is_writable_for_others(socket.parent):
        raise CannotStart(
            f"Other users can write to {socket.parent}, so one of them could pretend to be the publisher at {socket}. "
            "Choose another directory with --data, or join a publisher with `holdfast gateway join`."
        )
    link = sockets / "upstream"
    link.unlink(missing_ok=True)
    link.symlink_to(socket)
    return f"{UNIX}{link}"
