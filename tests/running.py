"""
A Holdfast of one's own: the real `holdfast up` on free ports, driven through REST, and its gateway.

    with Holdfast(tmp_path) as holdfast:
        api = holdfast.publish_api("https://127.0.0.1:8443")
        alias = holdfast.import_certificate("https://127.0.0.1:8443", pem)
        assert holdfast.call(f"{api.path}/menu").status_code == 200
"""

import itertools
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from forking import ForkedProcess, fork_server
from holdfast.files.locks import LOCK_FILE, is_locked
from holdfast.gateway.agent.record import RecordFile
from holdfast.gateway.process.directory import ENVOY_LOCK, RECORD_FILE
from holdfast.gateway.process.launcher import read_start_time
from holdfast.gateway.process.record import read_record
from holdfast.server.variables import find_unknown_variables
from issuing import Identity
from ports import free_addresses
from written_files import complete_lines

T = TypeVar("T")
Process = subprocess.Popen[bytes] | ForkedProcess
COMMAND = Path(sys.executable).with_name("holdfast")
REST = "/api/am/publisher/v4"
START_WITHIN = 90.0  # seconds; a machine that runs other tests too is slow
SHORT_PAUSE, LONG_PAUSE = 0.05, 0.2  # seconds between two looks at a condition, at most: at first, and after a while
# For clients of plain HTTP: loading the CA certificates of the default context takes longer than a request.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# For clients that keep a connection open however long a test takes; by default, they close it after five seconds.
KEPT_OPEN = httpx2.Limits(keepalive_expiry=None)
_numbers = itertools.count(1)


def wait_until(condition: Callable[[], T], within: float = 40.0) -> T:
    """Call *condition* until its result is true, and return that; fail after *within* seconds."""
    begin = time.monotonic()
    pause = 0.005
    while not (value := condition()):
        duration = time.monotonic() - begin
        if duration > within:
            raise AssertionError(f"after {within} seconds it still says {value!r}")
        time.sleep(pause)
        # Asking costs time, too, of those who are to answer.
        pause = min(pause * 1.5, max(SHORT_PAUSE, duration / 20), LONG_PAUSE)
    return value


def refusal(answer: httpx2.Response) -> str:
    """Return status and code of an error response of the gateway, after checking that it reveals nothing else."""
    body = answer.json()
    assert sorted(body) == ["code", "message", "request_id"], body
    assert all(isinstance(value, str) and value for value in body.values()), body
    assert answer.headers["content-type"] == "application/json"
    return f"{answer.status_code} {body['code']}"


@dataclass(frozen=True, slots=True)
class PublishedApi:
    """An API that the gateway serves below *path*."""

    id: str
    name: str
    path: str


class Holdfast:
    """One `holdfast up`; it can be stopped, killed and started again on the same data and the same ports."""

    def __init__(
        self,
        directory: Path,
        ca: bytes | None = None,
        gateway_identity: tuple[Path, Path] | None = None,
        *,
        forks: bool = True,
        **environment: str,
    ) -> None:
        """
        Everything is stored below *directory*; *environment* is added to the environment of the process.

        With *ca* (PEM), clients reach the publisher over TLS and trust this CA. With *gateway_identity*, the files of
        a certificate and its key, the gateway listens for TLS as well as plain HTTP. Without *forks*, each start runs
        a new interpreter, as it does for users (see forking.py).
        """
        self.ca = ca
        self.data = directory / "data"
        self.output = directory / "output"
        self.errors = self.output  # set another file to keep standard error apart
        self.admin_password = "correct horse battery staple"
        self._addresses = dict(zip(("publisher", "gateway", "sandbox"), free_addresses(3), strict=True))
        self._several: dict[str, str] = {}
        if gateway_identity:
            self._addresses |= zip(("gateway-tls", "sandbox-tls"), free_addresses(2), strict=True)
            self._addresses |= zip(("gateway-tls-cert", "gateway-tls-key"), map(str, gateway_identity), strict=True)
        ours = {"HOLDFAST_ADMIN_PASSWORD": self.admin_password, "TMPDIR": str(directory)}
        ours["HOLDFAST_DRAIN_TIMEOUT"] = "1"  # streams that tests leave open
        ours["HOLDFAST_REQUESTS_PER_SECOND"] = "5000"  # what waits for something here asks again and again
        ours["HOLDFAST_WATCH_INTERVAL"] = "0"  # backends of tests count their connections
        # Variables of the tests themselves would be warned about.
        theirs = find_unknown_variables(os.environ)
        inherited = {name: value for name, value in os.environ.items() if name not in theirs}
        self.environment = inherited | ours | environment
        self.command = COMMAND  # set another one to run another version
        self._forks = forks
        self._process: Process | None = None
        self.rest = self.browser(REST, auth=("admin", self.admin_password))

    def __enter__(self) -> "Holdfast":
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.rest.close()
        if self._process:
            self.stop()
        elif self.gateway.exists():
            self.kill_gateway()

    # The process

    @property
    def publisher_url(self) -> str:
        """Pages and REST."""
        return f"{'https' if self.ca else 'http'}://{self._addresses['publisher']}"

    def browser(self, path: str = "", auth: tuple[str, str] | None = None) -> httpx2.Client:
        """Make a client of the publisher that keeps its cookies and its connection."""
        tls = ssl.create_default_context(cadata=self.ca.decode()) if self.ca else NO_TLS
        return _client(self.publisher_url + path, auth, tls)

    @property
    def gateway_url(self) -> str:
        """Where production is served."""
        return f"http://{self._addresses['gateway']}"

    @property
    def sandbox_url(self) -> str:
        """Where the sandbox is served."""
        return f"http://{self._addresses['sandbox']}"

    def tls_address(self, *, sandbox: bool = False) -> tuple[str, int]:
        """Where the gateway speaks TLS with callers: host and port."""
        host, _, port = self._addresses["sandbox-tls" if sandbox else "gateway-tls"].rpartition(":")
        return host, int(port)

    @property
    def is_started(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._process is not None

    @property
    def pid(self) -> int:
        """The process id of the control plane."""
        assert self._process
        return self._process.pid

    @property
    def envoy(self) -> int:
        """The process id of its Envoy, which may outlive the control plane."""
        pid = self._running_envoy()
        assert pid, "no Envoy is running"
        return pid

    @property
    def agent(self) -> int:
        """The process id of its gateway's agent, which may outlive the control plane."""
        pid = self._running_agent()
        assert pid, "no agent is running"
        return pid

    def has_agent(self) -> bool:
        """Return whether an agent is running."""
        return self._running_agent() is not None

    def _running_agent(self) -> int | None:
        record = RecordFile(self.gateway).read() if is_locked(self.gateway / LOCK_FILE) else None
        return record.pid if record and is_running(record.pid) else None

    @property
    def gateway(self) -> Path:
        """The data directory of its gateway."""
        return self.data / "gateway"

    def _running_envoy(self) -> int | None:
        record = read_record(self.gateway / RECORD_FILE)
        return record.pid if record and record.is_running else None

    @property
    def sockets(self) -> Path:
        """The directory of its Envoy's unix sockets."""
        record = read_record(self.gateway / RECORD_FILE)
        assert record, "no Envoy is running"
        return Path(record.sockets)

    def speak_http_alone(self) -> None:
        """Start the gateway without TLS next time."""
        self._addresses = {name: address for name, address in self._addresses.items() if "-tls" not in name}

    def listen_by_name_and_on_ipv6(self) -> None:
        """Listen on `localhost` and `[::1]` next time, on the same ports."""
        for name in ("publisher", "gateway", "sandbox"):
            port = self._addresses[name].rpartition(":")[2]
            self._several[name] = f"localhost:{port},[::1]:{port}"

    def refuse_to_start(self, **options: str) -> str:
        """Run the command where it can't start, check that it fails with one line, and return that line."""
        output, errors = (self.data.with_name(name) for name in ("refused-output", "refused-errors"))
        code = self._launch(["up", *self.options(**options)], output, errors).wait(START_WITHIN)
        assert (code, output.read_bytes()) == (1, b""), errors.read_text()
        (line,) = errors.read_text().splitlines()
        return line

    def options(self, **overrides: str) -> list[str]:
        """Return the options for its data directory and addresses, overridden by *overrides*."""
        settings = {"data": str(self.data)} | self._addresses | self._several | overrides
        return [f"--{name}={value}" for name, value in settings.items()]

    def log_lines(self) -> list[dict[str, Any]]:
        """Read what it has logged since its last start."""
        return [json.loads(line) for line in complete_lines(self.errors) if line.startswith("{")]

    def begin(self) -> None:
        """Run the command, and don't wait."""
        self._process = self._launch(["up", *self.options()], self.output, self.errors)

    def _launch(self, arguments: list[str], output: Path, errors: Path) -> Process:
        """Run `holdfast` with *arguments*, its standard output and error in empty files."""
        for file in (output, errors):
            file.write_bytes(b"")
        if self._forks and self.command == COMMAND:
            return fork_server().start(arguments, self.environment, output, errors)
        with output.open("ab") as standard_output, errors.open("ab") as standard_error:
            return subprocess.Popen(
                self._command(arguments),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=standard_output,
                stderr=standard_error,
            )

    def _command(self, arguments: list[str]) -> list[str]:
        return [str(self.command), *arguments]

    def start(self) -> None:
        """Run the command until it says that it is ready."""
        self.begin()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the command that was begun says that it is ready."""
        assert self._process
        process = self._process
        try:
            wait_until(lambda: b"Ready: " in self.output.read_bytes() or process.poll() is not None, START_WITHIN)
            assert process.poll() is None, f"holdfast did not start: {self.output.read_text()}"
        except AssertionError:
            self.kill()
            raise

    def stop(
        self, number: signal.Signals = signal.SIGTERM, *, still_serving: bool = False, within: float = 60.0
    ) -> None:
        """
        Stop it by a signal *within* seconds, and check that it exits with 0.

        Its Envoy must exit, too, or is *still_serving*.
        """
        assert self._process
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            code = process.wait(within)
        finally:
            process.kill()  # only if it is still there
        assert code == 0, f"exit code {code}: {self.output.read_text()}"
        assert is_locked(self.gateway / ENVOY_LOCK) == still_serving, "an Envoy was left behind, or ended"

    def kill(self) -> None:
        """Kill it and its gateway, as a power failure would."""
        self.kill_publisher()
        self.kill_gateway()

    def kill_publisher(self) -> None:
        """Kill the control plane; its gateway continues."""
        assert self._process
        process, self._process = self._process, None
        process.kill()
        process.wait(60)

    def kill_gateway(self) -> None:
        """Kill the agent, so that it can't start another Envoy, and then Envoy."""
        self.kill_agent()
        self.kill_envoy()

    def kill_agent(self) -> None:
        """Kill the agent of its gateway; Envoy continues."""

        def has_ended() -> bool:
            if agent := self._running_agent():
                kill(agent)
            return not is_locked(self.gateway / LOCK_FILE)

        wait_until(has_ended)

    def kill_envoy(self) -> None:
        """Kill its Envoy, including one that is just being started."""

        def has_ended() -> bool:
            if envoy := self._running_envoy():
                kill(envoy)
            return not is_locked(self.gateway / ENVOY_LOCK)

        wait_until(has_ended)

    # What a publisher does

    def publish_api(self, production: str | None = None, sandbox: str | None = None) -> PublishedApi:
        """Create an API with these endpoints, publish it, and wait until the gateways serve it."""
        api = self.create_api(production, sandbox)
        self.change_lifecycle(api, "Publish")
        for in_sandbox, endpoint in enumerate((production, sandbox)):
            if endpoint:
                wait_until(partial(self.answers, api, sandbox=bool(in_sandbox)))
        return api

    def publish_trusted_api(self, production: str, file: bytes) -> PublishedApi:
        """Publish an API and import *file* for its endpoint."""
        api = self.publish_api(production)
        self.import_certificate(production, file)
        return api

    def create_api(self, production: str | None = None, sandbox: str | None = None, *, name: str = "") -> PublishedApi:
        """Create an API that is not published yet."""
        name = name or f"api{next(_numbers)}"
        body = {"name": name, "context": f"/{name}", "version": "1.0", "endpointConfig": _config(production, sandbox)}
        return PublishedApi(self._rest("POST", "/apis", json=body).json()["id"], name, f"/{name}/1.0")

    def change_endpoints(self, api: PublishedApi, production: str | None = None, sandbox: str | None = None) -> None:
        """Replace the endpoints of an API."""
        self._rest("PUT", f"/apis/{api.id}", json={"endpointConfig": _config(production, sandbox)})

    def delete_api(self, api: PublishedApi) -> None:
        """Delete an API."""
        self._rest("DELETE", f"/apis/{api.id}")

    def change_lifecycle(self, api: PublishedApi, action: str) -> None:
        """Take *action*, like Publish."""
        self._rest("POST", "/apis/change-lifecycle", params={"action": action, "apiId": api.id})

    def import_certificate(self, endpoint: str, file: bytes, alias: str = "", password: str = "") -> str:
        """Import *file* for *endpoint*, wait until it is enforced, and return its alias."""
        alias = alias or f"alias{next(_numbers)}"
        self._rest(
            "POST",
            "/endpoint-certificates",
            data={"alias": alias, "endpoint": endpoint, "password": password},
            files={"certificate": ("certificate.crt", file)},
        )
        self.wait_until_enforced(alias)
        return alias

    def replace_certificate(self, alias: str, file: bytes, *, keep: bool = False) -> None:
        """Replace the certificate of *alias*, or add *file* to it for a rotation, and wait until it is enforced."""
        path = f"/endpoint-certificates/{alias}?keepPrevious={keep}"
        self._rest("PUT", path, files={"certificate": ("certificate.crt", file)})
        self.wait_until_enforced(alias)

    def wait_until_enforced(self, alias: str) -> None:
        """Wait until REST reports it as enforced on all gateways."""
        wait_until(
            lambda: self._rest("GET", f"/endpoint-certificates/{alias}").json()["enforcement"]["progress"] == "enforced"
        )

    def wait_until_served(self, api: PublishedApi) -> None:
        """Wait until the publisher knows that all gateways serve *api*: it forgets the failures of requests before."""
        context, _, version = api.path.rpartition("/")
        where = {"context": context, "version": version}
        wait_until(
            lambda: (
                self._rest("GET", "/gateways/enforcement", params=where).json()["enforcement"]["progress"] == "enforced"
            )
        )

    def wait_until_trust_is_enforced(self, endpoint: str) -> None:
        """Wait until all gateways apply the trust settings of *endpoint*."""
        where = {"endpoint": endpoint}
        wait_until(
            lambda: (
                self._rest("GET", "/endpoints/trust-settings", params=where).json()["enforcement"]["progress"]
                == "enforced"
            )
        )

    def decide(self, endpoint: str, **settings: Any) -> None:
        """Save trust settings for *endpoint* (defaults for the rest), and wait until they are enforced."""
        body = {"crls": ""} | settings
        self._rest("PUT", "/endpoints/trust-settings", params={"endpoint": endpoint}, json=body)
        self.wait_until_trust_is_enforced(endpoint)

    def present_nothing(self, endpoint: str) -> None:
        """Stop presenting a client certificate; no response says when the gateways have followed."""
        self._rest("DELETE", "/endpoints/client-certificate", params={"endpoint": endpoint})

    def wait_until_client_is_enforced(self, endpoint: str) -> None:
        """Wait until all gateways present the gateway identity of *endpoint*'s origin."""
        path, where = "/endpoints/client-certificate", {"endpoint": endpoint}
        wait_until(lambda: self._rest("GET", path, params=where).json()["enforcement"]["progress"] == "enforced")

    def present(self, endpoint: str, file: bytes, password: str = "") -> None:
        """Present the key and chain in *file* to *endpoint*, and wait until all gateways do."""
        files, fields = {"certificate": ("client.pem", file)}, {"password": password}
        where = {"endpoint": endpoint}
        self._rest("PUT", "/endpoints/client-certificate", params=where, files=files, data=fields)
        self.wait_until_client_is_enforced(endpoint)

    def let_call(self, api: PublishedApi, file: bytes, alias: str = "") -> str:
        """Accept callers of *api* that present the certificate in *file*, wait for that, and return its alias."""
        alias = alias or f"alias{next(_numbers)}"
        form, files = {"alias": alias, "tier": "Gold"}, {"certificate": ("caller.crt", file)}
        self._rest("POST", f"/apis/{api.id}/client-certificates", data=form, files=files)
        self.wait_until_callers_are_enforced(api, alias)
        return alias

    def wait_until_callers_are_enforced(self, api: PublishedApi, alias: str) -> None:
        """Wait until all gateways know the caller certificates of *api*."""
        path = f"/apis/{api.id}/client-certificates/{alias}"
        wait_until(lambda: self._rest("GET", path).json()["enforcement"]["progress"] == "enforced")

    def let_call_no_more(self, api: PublishedApi, alias: str) -> None:
        """Stop accepting a caller certificate; the gateways follow within milliseconds, but no response says when."""
        self._rest("DELETE", f"/apis/{api.id}/client-certificates/{alias}")

    def delete_certificate(self, alias: str) -> None:
        """Delete it; the gateways follow within milliseconds, but no response says when."""
        self._rest("DELETE", f"/endpoint-certificates/{alias}")

    def _rest(self, method: str, path: str, **more: Any) -> httpx2.Response:
        answer = self.rest.request(method, path, **more)
        assert answer.is_success, answer.text
        return answer

    # What a caller does

    def caller(self, *, sandbox: bool = False) -> httpx2.Client:
        """Make a client of the gateway that keeps its connection open."""
        return _client(self.sandbox_url if sandbox else self.gateway_url, limits=KEPT_OPEN)

    def tls_caller(self, tls: ssl.SSLContext, *, sandbox: bool = False, http2: bool = False) -> httpx2.Client:
        """Make a client of the gateway over TLS that keeps its connection open, and presents what *tls* has loaded."""
        url = "https://{}:{}".format(*self.tls_address(sandbox=sandbox))
        return httpx2.Client(base_url=url, verify=tls, trust_env=False, timeout=30, http2=http2, limits=KEPT_OPEN)

    def call(self, path: str, method: str = "GET", *, sandbox: bool = False, **more: Any) -> httpx2.Response:
        """Call the gateway over a new connection."""
        with self.caller(sandbox=sandbox) as client:
            return client.request(method, path, **more)

    def answers(self, api: PublishedApi, *, sandbox: bool = False) -> bool:
        """Return whether the gateway runs and knows *api* and its backend."""
        try:
            answer = self.call(api.path, sandbox=sandbox)
        except httpx2.TransportError:
            return False
        return answer.status_code != 404 and "backend_not_ready" not in answer.text


def _config(production: str | None, sandbox: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {"endpoint_type": "http"}
    if production:
        config["production_endpoints"] = {"url": production}
    if sandbox:
        config["sandbox_endpoints"] = {"url": sandbox}
    return config


def _client(
    url: str,
    auth: tuple[str, str] | None = None,
    tls: ssl.SSLContext = NO_TLS,
    limits: httpx2.Limits = httpx2.Limits(),  # noqa: B008 - it is never changed
) -> httpx2.Client:
    return httpx2.Client(base_url=url, auth=auth, verify=tls, trust_env=False, timeout=30, limits=limits)


def write_identity(directory: Path, identity: Identity) -> tuple[Path, Path]:
    """Write chain and key of a server into *directory*, as `--tls-cert` and the like read them."""
    certificate, key = directory / "publisher.pem", directory / "publisher.key"
    for path, content in ((key, identity.key_pem), (certificate, identity.chain_pem)):
        path.touch(mode=0o600)
        path.write_bytes(content)
    return certificate, key


def kill(pid: int) -> None:
    """Kill a process, unless it has just ended, and wait for its end."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    """Return whether a process exists and hasn't ended."""
    return read_start_time(pid) is not None
