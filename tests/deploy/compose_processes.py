"""
The containers of compose.yaml as processes: the same commands, variables, files and ports, on loopback addresses.

    with Composition(directory, database) as composition:
        composition.start("control-plane-1")
        composition.wait_until_healthy("control-plane-1")

Names become addresses, `0.0.0.0` becomes the address of the container, and volumes become directories.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from forking import fork_server
from postgresql import Database
from running import COMMAND, Process, is_running, wait_until

ROOT = Path(__file__).parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
# An address for each, in a network that no other test process uses.
HOSTS = {"load-balancer": 2, "control-plane-1": 11, "control-plane-2": 12, "gateway-1": 21, "gateway-2": 22}
PORTS = {"gateway-1": 8280, "gateway-2": 8280}
READY = {"control-plane": "Ready: ", "gateway": " is ready"}  # what they say then; a gateway may have no publisher yet
WITHIN = 90.0  # seconds
OF_IMAGE = dict(re.findall(r"(HOLDFAST_\w+)=(\S+)", (ROOT / "Dockerfile").read_text("utf-8")))


class Composition:
    """The containers, each with a directory below *directory*; none is started yet."""

    def __init__(self, directory: Path, database: Database) -> None:
        self._directory = directory
        self.database = database
        self._processes: dict[str, Process] = {}
        network = f"127.{64 + os.getpid() // 256 % 128}.{os.getpid() % 256}"
        self.addresses = {name: f"{network}.{host}" for name, host in HOSTS.items()}
        self.secrets = directory / "secrets"
        self.secrets.mkdir()
        command = [sys.executable, ROOT / "deploy/compose/create_secrets.py", self.secrets, *self.addresses.values()]
        subprocess.run(command, check=True, capture_output=True)
        (self.secrets / "database-password").chmod(0o600)
        (self.secrets / "database-password").write_text(database.password)

    def __enter__(self) -> "Composition":
        return self

    def __exit__(self, *exception: object) -> None:
        for name in [*self._processes]:
            self.kill(name)

    @property
    def admin(self) -> tuple[str, str]:
        """The first user and its password."""
        return "admin", (self.secrets / "admin-password").read_text().strip()

    def start(self, name: str, *without: str) -> None:
        """Start a container, which isn't healthy yet; *without* some variables of compose.yaml."""
        log, ambient = self.log(name), {"PATH": os.environ["PATH"], "TMPDIR": str(self._directory)}
        log.write_bytes(b"")
        if name == "load-balancer":
            with log.open("ab") as output:
                self._processes[name] = subprocess.Popen(
                    self._balance(), env=ambient, stdin=subprocess.DEVNULL, stdout=output, stderr=output
                )
            return
        variables = {**OF_IMAGE, **SERVICES[name]["environment"]}
        remaining = {variable: value for variable, value in variables.items() if variable not in without}
        environment = ambient | self._translate_all(name, remaining)
        self._processes[name] = fork_server().start(SERVICES[name]["command"], environment, log, log)

    def is_healthy(self, name: str) -> bool:
        """Run the health check of a container."""
        process = self._processes[name]
        assert process.poll() is None, self.log(name).read_text()
        ready = READY.get(name.rpartition("-")[0], "")
        if ready not in self.log(name).read_text():
            return False  # cheaper than the check, which starts a process
        with suppress(OSError), socket.create_connection((self.addresses[name], PORTS.get(name, 9443)), 5):
            return name == "load-balancer" or self._passes_check(name)
        return False

    def _passes_check(self, name: str) -> bool:
        environment = self._translate_all(name, OF_IMAGE | SERVICES[name]["environment"])
        if "healthcheck" in SERVICES[name]:
            _, _, *arguments = SERVICES[name]["healthcheck"]["test"]
            command = [str(COMMAND), *arguments]
        else:
            command = [sys.executable, str(ROOT / "deploy/health.py")]
        return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0

    def wait_until_healthy(self, name: str) -> None:
        """Wait as `docker compose up --wait` does."""
        wait_until(lambda: self.is_healthy(name), WITHIN)

    def is_balanced(self, name: str) -> bool:
        """Return whether the load balancer sends requests to a container, by its log."""
        log = self.log("load-balancer").read_text()
        states = dict(re.findall(rf"Server ([\w-]+)/{name} is (UP|DOWN)", log))  # the last one by backend
        return "DOWN" not in states.values()

    def stop(self, name: str) -> None:
        """Stop a container as `docker compose stop` does, and check that nothing had to be killed."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN) == 0, self.log(name).read_text()

    def kill(self, name: str) -> None:
        """Kill all processes of a container."""
        process = self._processes.pop(name)
        envoy = re.search(rb'"pid": (\d+)', self._envoy_record(name))
        for pid in (process.pid, int(envoy[1]) if envoy else 0):
            if pid and is_running(pid):
                os.kill(pid, signal.SIGKILL)
        process.wait(WITHIN)

    def log(self, name: str) -> Path:
        """Return the file with what a container writes to its standard output and error."""
        return self._directory / f"{name}.log"

    def _envoy_record(self, name: str) -> bytes:
        record = self._volume(name) / "gateway/envoy.json"
        return record.read_bytes() if record.exists() else b""

    def _volume(self, name: str) -> Path:
        volume = self._directory / name
        volume.mkdir(mode=0o700, exist_ok=True)
        return volume

    def _translate_all(self, name: str, environment: dict[str, str]) -> dict[str, str]:
        result = {
            # Those of the gateways are the same at all control planes, which don't listen there.
            variable: value if variable in {"HOLDFAST_GATEWAY", "HOLDFAST_SANDBOX"} else self._translate(name, value)
            for variable, value in environment.items()
        }
        if "HOLDFAST_DATABASE" in result:
            assert re.fullmatch(
                r"postgresql://holdfast@database/holdfast\?sslmode=disable", result["HOLDFAST_DATABASE"]
            )
            result["HOLDFAST_DATABASE"] = f"{self.database.tcp_url}?sslmode=disable"
        return result

    def _translate(self, name: str, value: str) -> str:
        if name not in {"HOLDFAST_NAME", "HOLDFAST_JOIN_NAME"}:
            value = value.replace("//control-planes:", f"//{self.addresses['control-plane-1']}:")
        value = value.replace("0.0.0.0:", f"{self.addresses[name]}:").replace("/run/secrets", str(self.secrets))
        value = re.sub(r"^/data\b", str(self._volume(name)), value)
        return value.replace("172.30.80.2", self.addresses["load-balancer"])

    def _balance(self) -> list[str]:
        text = (ROOT / "deploy/compose/haproxy.cfg").read_text("utf-8").replace("/run/secrets", str(self.secrets))
        own = self.addresses["load-balancer"]
        text = (
            text.replace("maxconn 20000", "maxconn 1000")
            .replace("bind :", f"bind {own}:")
            .replace("init-addr none", f"source {own}")
        )
        text = re.sub(r"resolvers containers\n(    .*\n)+", "", text).replace(" resolvers containers", "")
        for name, address in self.addresses.items():
            text = text.replace(f" {name}:", f" {address}:")
        configuration = self._directory / "haproxy.cfg"
        configuration.write_text(text)
        haproxy = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
        assert haproxy, "Run tools/proxies.sh."
        return [haproxy, "-db", "-f", str(configuration)]
