"""
An installation as in production: PostgreSQL, two control planes that share it, and two gateways that joined them.

    with Installation(directory) as installation:
        gateway = installation.gateways[0]
        followed = installation.control_plane_of(gateway)
        followed.kill_publisher()
        gateway.wait_until_connected(installation.other(followed))

Everything is a separate process: control planes run `holdfast up --without-gateway`, gateways `holdfast gateway run`
after they joined. The first gateway prefers the first control plane, and the second one the second.
"""

import json
import os
import signal
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from forking import fork_server
from issuing import issue
from ports import free_addresses
from postgresql import Database, PostgresServer
from remote_gateways import RemoteGateway
from running import COMMAND, Holdfast, wait_until, write_identity
from topology.balancer import Balancer
from written_files import complete_lines

STARTS_WITHIN = 60.0  # seconds
KEY = b64encode(bytes(range(32))).decode()


class ControlPlane(Holdfast):
    """A control plane with its own data directory and TLS key; what it publishes is called at `nearest`."""

    def __init__(
        self, directory: Path, name: str, database: str, addresses: dict[str, str], **environment: str
    ) -> None:
        """*database* is a URL; *addresses* are the options that all control planes have."""
        own, identity = directory / name, issue("127.0.0.1")
        own.mkdir()
        settings = {"HOLDFAST_SEALING_KEY": KEY, "HOLDFAST_WITHOUT_GATEWAY": "1", "HOLDFAST_LOG_LEVEL": "info"}
        settings |= {"HOLDFAST_DATABASE": database, "HOLDFAST_NAME": name}
        settings["HOLDFAST_DRAIN_TIMEOUT"] = "10"  # gateways that move on a busy machine need more than a second
        settings |= zip(("HOLDFAST_TLS_CERT", "HOLDFAST_TLS_KEY"), map(str, write_identity(own, identity)), strict=True)
        super().__init__(own, identity.pem, **(settings | environment))
        (self.discovery,) = free_addresses(1)
        self._addresses |= addresses | {"discovery": self.discovery}
        self.name = name
        self.nearest: Gateway | None = None

    @property
    def gateway_url(self) -> str:
        """Where production is served."""
        assert self.nearest
        return self.nearest.url

    def pause(self) -> None:
        """Stop it without ending it: its connections stay open, and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue."""
        os.kill(self.pid, signal.SIGCONT)


class Gateway(RemoteGateway):
    """A gateway that follows one of several control planes."""

    def __init__(self, holdfast: ControlPlane, directory: Path, name: str, host: str) -> None:
        """*holdfast* is the control plane where it joins, and that it prefers."""
        super().__init__(holdfast, directory, name, host)
        self._home = holdfast
        self._token = directory / f"{name}.token"

    def begin(self) -> None:
        """Enroll it, and let it join and run; don't wait."""
        self._token.write_text(self._home.rest.post("/gateways", json={"name": self.name}).json()["token"])
        join = [f"--join={self._home.publisher_url}", f"--join-token-file={self._token}"]
        self._launch("run", *join, f"--control-plane={self._home.discovery}")

    @property
    def url(self) -> str:
        """Where it serves production."""
        return self.gateway_url

    @property
    def events(self) -> list[dict[str, Any]]:
        """The log entries of its agent since it started."""
        return [json.loads(line) for line in complete_lines(self.log) if line.startswith("{")]

    @property
    def control_plane(self) -> str:
        """The address (HOST:PORT) of the control plane that it follows, by its log; empty if there is none."""
        candidate = current = ""
        for entry in self.events:
            match entry["event"]:
                case "chose a control plane":
                    candidate, current = entry["address"], ""
                case "connected to the control plane":
                    current = candidate
                case "lost the control plane":
                    current = ""
        return current

    def wait_until_connected(self, control_plane: ControlPlane, within: float = STARTS_WITHIN) -> float:
        """Wait until it follows *control_plane*, and return how many seconds that took."""
        began = time.monotonic()
        wait_until(lambda: self.control_plane == control_plane.discovery, within)
        return time.monotonic() - began


class Installation:
    """PostgreSQL, control planes and gateways, which run until the block ends."""

    def __init__(
        self, directory: Path, *, with_networks: bool = False, command: Path = COMMAND, **environment: str
    ) -> None:
        """
        *environment* is that of both control planes; *command* is the `holdfast` that everything runs.

        They reach PostgreSQL through one of `networks` each if the installation is *with_networks*.
        """
        self.postgres = PostgresServer()
        self.networks: list[Balancer] = []
        self._with_networks = with_networks
        self._directory = directory
        self._command = command
        self._environment = environment
        self._stack = ExitStack()
        self.database: Database
        self.control_planes: list[ControlPlane]
        self.gateways: list[Gateway]

    def __enter__(self) -> "Installation":
        fork_server()  # importing takes longer than starting PostgreSQL
        with ExitStack() as stack:
            stack.enter_context(self.postgres)
            self.database = self.postgres.create_database()
            addresses = dict(zip(("gateway", "sandbox"), free_addresses(2), strict=True))
            self.control_planes = []
            for name in "ab":
                url, environment = self.database.url, self._environment
                if self._with_networks:
                    address = self.postgres.address.port
                    network = stack.enter_context(Balancer([("127.0.0.1", address)]))
                    self.networks.append(network)
                    url = self.database.tcp_url.replace(str(address), str(network.port))
                    environment = environment | {"HOLDFAST_DATABASE_PASSWORD": self.database.password}
                self.control_planes.append(ControlPlane(self._directory, name, url, addresses, **environment))
            for control_plane in self.control_planes:
                control_plane.command = self._command
                stack.callback(self._stop, control_plane)
                control_plane.begin()
            for control_plane in self.control_planes:
                control_plane.wait_until_ready()
            self.gateways = [
                Gateway(control_plane, self._directory, f"eu-{number}", f"127.0.0.{number + 1}")
                for number, control_plane in enumerate(self.control_planes, 1)
            ]
            for gateway, control_plane in zip(self.gateways, self.control_planes, strict=True):
                control_plane.nearest, gateway.command = gateway, self._command
                stack.callback(gateway.stop)
            with ThreadPoolExecutor() as threads:
                list(threads.map(Gateway.begin, self.gateways))
            self.wait_until_complete()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        with self._stack:
            self.repair()

    def repair(self) -> None:
        """Start what a test has ended, and wait until everything is connected."""
        for network in self.networks:
            network.mend()
        if self.postgres.is_running:
            self.postgres.resume()
        else:
            self.postgres.start()
        for control_plane in self.control_planes:
            if control_plane.is_started:
                control_plane.resume()
            else:
                control_plane.start()
        self.wait_until_complete()

    def wait_until_complete(self) -> None:
        """Wait until each gateway follows a control plane."""
        for gateway in self.gateways:
            wait_until(partial(self.control_plane_of, gateway), STARTS_WITHIN)

    def control_plane_of(self, gateway: Gateway) -> ControlPlane | None:
        """Return the control plane that *gateway* follows, None if it follows none."""
        return next(
            (
                control_plane
                for control_plane in self.control_planes
                if control_plane.discovery == gateway.control_plane
            ),
            None,
        )

    def sides_of(self, gateway: Gateway) -> tuple[ControlPlane, ControlPlane]:
        """Return the control plane that *gateway* follows, and the other one."""
        own = self.control_plane_of(gateway)
        assert own
        return own, self.other(own)

    def other(self, control_plane: ControlPlane) -> ControlPlane:
        """Return the control plane that isn't *control_plane*."""
        one, other = self.control_planes
        return other if control_plane is one else one

    def _stop(self, control_plane: ControlPlane) -> None:
        control_plane.__exit__()
