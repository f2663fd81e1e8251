"""
Gateways that `holdfast gateway join` runs as on other machines, each on its own loopback address.
"""

import json
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import httpx2

from forking import fork_server
from ports import free_addresses
from running import COMMAND, KEPT_OPEN, NO_TLS, Holdfast, Process, PublishedApi, is_running, kill
from written_files import complete_lines

STARTS_WITHIN = 60.0  # seconds


class RemoteGateway:
    """A gateway as on another machine: with its own data directory and addresses."""

    def __init__(
        self,
        holdfast: Holdfast,
        directory: Path,
        name: str,
        host: str,
        group: str = "",
        certificate: tuple[Path, Path] | None = None,
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        forks: bool = True,
    ) -> None:
        """
        Without *group*, it belongs to Default; with it, it listens where the group does, which is created so.

        With the files of a *certificate* and its key, the group also listens for TLS. *environment* is
        added to the environment of its process. Without *forks*, each start runs a new interpreter.
        """
        self._holdfast = holdfast
        self.name = name
        self.data = directory / name
        self.log = directory / f"{name}.log"
        production, sandbox, self.secure, self.monitoring = (
            f"{host}:{address.rpartition(':')[2]}" for address in free_addresses(4)
        )
        self.gateway_url = f"http://{production}"
        self._options = [f"--data={self.data}", f"--monitoring={self.monitoring}"]
        if group:
            listen = {"production": [production], "sandbox": [sandbox]}
            listen |= {"productionTls": [self.secure]} if certificate else {}
            holdfast.rest.post("/gateways/groups", json={"name": group, "listen": listen}).raise_for_status()
        else:
            self._options += [f"--production={production}", f"--sandbox={sandbox}"]
        if certificate:
            self._options += map("--tls-{}={}".format, ("cert", "key"), certificate)
        self._group = group
        self._environment = environment
        self._forks = forks
        self.command = COMMAND  # set another one to run another version
        self._process: Process | None = None

    def join(self) -> None:
        """Enroll it, and run `holdfast gateway join`."""
        token = (
            self._holdfast.rest.post("/gateways", json={"name": self.name, "group": self._group})
            .raise_for_status()
            .json()["token"]
        )
        self._launch("join", self._holdfast.publisher_url, token)

    def run(self, control_plane: str = "") -> None:
        """Run `holdfast gateway run`, as after a restart of its machine."""
        self._launch("run", f"--control-plane={control_plane or self._holdfast.environment['HOLDFAST_DISCOVERY']}")

    def _launch(self, *command: str) -> None:
        environment = self._holdfast.environment | {"HOLDFAST_LOG_LEVEL": "info"} | self._environment
        arguments = ["gateway", *command, *self._options]
        self.log.write_bytes(b"")
        if self._forks and self.command == COMMAND:
            self._process = fork_server().start(arguments, environment, self.log, self.log)
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [str(self.command), *arguments],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def is_ready(self) -> bool:
        """Return whether its health check succeeds."""
        with suppress(httpx2.TransportError):
            return httpx2.get(f"http://{self.monitoring}/readyz", verify=NO_TLS, trust_env=False, timeout=30).is_success
        return False

    def status_of(self, api: PublishedApi) -> int:
        """Return the status with which it answers a call of *api*; 0 if it doesn't answer."""
        with suppress(httpx2.TransportError):
            return httpx2.get(self.gateway_url + api.path, verify=NO_TLS, trust_env=False, timeout=30).status_code
        return 0

    def call(self, path: str) -> httpx2.Response:
        """Call it over a new connection."""
        with self.caller() as client:
            return client.get(path)

    def caller(self) -> httpx2.Client:
        """Make a client of it that keeps its connection open."""
        return httpx2.Client(base_url=self.gateway_url, verify=NO_TLS, trust_env=False, timeout=30, limits=KEPT_OPEN)

    @property
    def agent(self) -> int:
        """The process ID of its agent."""
        assert self._process
        return self._process.pid

    @property
    def reasons(self) -> list[str]:
        """Why it had no publisher, from its log."""
        lines = (line for line in complete_lines(self.log) if line.startswith("{"))
        return [entry["why"] for entry in map(json.loads, lines) if "why" in entry]

    def kill(self) -> None:
        """Kill agent and Envoy, as a power failure does."""
        envoy = self.envoy
        assert self._process
        self._process.kill()
        self._process.wait(60)
        kill(envoy)

    @property
    def envoy(self) -> int:
        return int(json.loads((self.data / "envoy.json").read_text())["pid"])

    @property
    def configuration(self) -> str:
        """Everything that its Envoy has been sent."""
        return self._ask("config_dump")

    def limit_expressions(self, size: int) -> None:
        """Let its Envoy reject resources with a regular expression whose program is larger than *size*."""
        self._ask(f"runtime_modify?re2.max_program_size.error_level={size}", "POST")

    def _ask(self, target: str, method: str = "GET") -> str:
        """Ask the admin interface of its Envoy."""
        directory = json.loads((self.data / "envoy.json").read_text())["sockets"]
        transport = httpx2.HTTPTransport(verify=NO_TLS, uds=f"{directory}/admin")
        with httpx2.Client(transport=transport, trust_env=False, timeout=30) as client:
            return client.request(method, f"http://envoy/{target}").raise_for_status().text

    def stop(self) -> None:
        """Stop it, and check that its Envoy stops, too."""
        if self._process and self._process.poll() is None:
            envoy = self.envoy
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(60)  # it waits 30 seconds for requests in flight
            assert self._process.poll() == 0, (
                f"{self.log.read_text()}\nIn flight: {self._ask('stats?filter=rq_active')}"
            )
            assert not is_running(envoy)
