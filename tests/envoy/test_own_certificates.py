"""Unusable certificates of the publisher and the gateway stop no traffic; after repair, a signal is enough."""

import os
import pty
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from calling import GATEWAYS
from holdfast.doctor import health
from holdfast.server.settings import Settings
from issuing import DAY, issue
from running import COMMAND, Holdfast, is_running, refusal, wait_until, write_identity

pytestmark = pytest.mark.envoy
V4 = "127.0.0.1"
EXPIRED = {"start": -2 * DAY, "end": -DAY}
NO_CHECK_TIME = ssl.VerifyFlags(0x200000)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The directories of what the publisher and the gateway present: both have expired."""
    directories = tmp_path_factory.mktemp("publisher"), tmp_path_factory.mktemp("gateway")
    for directory in directories:
        write_identity(directory, issue(V4, by=GATEWAYS, **EXPIRED))
    return directories


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory, files: tuple[Path, Path]) -> Iterator[Holdfast]:
    of_publisher, of_gateway = ((file / "publisher.pem", file / "publisher.key") for file in files)
    variables = dict(zip(("HOLDFAST_TLS_CERT", "HOLDFAST_TLS_KEY"), map(str, of_publisher), strict=True))
    directory = tmp_path_factory.mktemp("own")
    with Holdfast(directory, ca=GATEWAYS.pem, gateway_identity=of_gateway, **variables) as running:
        yield running


def ask(holdfast: Holdfast, path: str) -> httpx2.Response:
    """Ask the publisher, whatever the time of its certificate."""
    context = ssl.create_default_context(cadata=GATEWAYS.pem.decode())
    context.verify_flags |= NO_CHECK_TIME
    auth = ("admin", holdfast.admin_password)
    return httpx2.get(holdfast.publisher_url + path, auth=auth, verify=context, trust_env=False, timeout=30)


def handshake(address: tuple[str, int], flags: ssl.VerifyFlags = NO_CHECK_TIME) -> None:
    """Connect over TLS; raise OSError where that fails."""
    context = ssl.create_default_context(cadata=GATEWAYS.pem.decode())
    context.verify_flags |= flags
    with socket.create_connection(address, timeout=20) as connection:
        context.wrap_socket(connection, server_hostname=V4).close()


def publisher_address(holdfast: Holdfast) -> tuple[str, int]:
    parts = urlsplit(holdfast.publisher_url)
    return str(parts.hostname), int(parts.port or 0)


def serves(holdfast: Holdfast) -> bool:
    """Return whether publisher and gateway serve TLS that clients can verify."""
    try:
        handshake(publisher_address(holdfast), ssl.VerifyFlags(0))
        handshake(holdfast.tls_address(), ssl.VerifyFlags(0))
    except OSError:
        return False
    return True


def repair(holdfast: Holdfast, files: tuple[Path, Path]) -> None:
    for file in files:
        write_identity(file, issue(V4, by=GATEWAYS))
    os.kill(holdfast.pid, signal.SIGHUP)
    wait_until(lambda: serves(holdfast))


def doctor_of(holdfast: Holdfast, files: tuple[Path, Path]) -> str:
    settings = Settings(
        data=holdfast.data,
        publisher="{}:{}".format(*publisher_address(holdfast)),
        tls_cert=files[0] / "publisher.pem",
        tls_key=files[0] / "publisher.key",
    )
    return health.check(health.ask(settings, settings.publisher)).text


def test_expired_certificates_are_presented_and_reported_everywhere(holdfast: Holdfast, files: tuple[Path, Path]):
    assert refusal(holdfast.call("/nothing")) == "404 not_found"
    for address in (publisher_address(holdfast), holdfast.tls_address()):
        handshake(address)
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            handshake(address, ssl.VerifyFlags(0))
    both = ["publisher certificate", "gateway certificate"]
    # The gateway's agent reports its certificate, and writes about it, on its own.
    wait_until(lambda: ask(holdfast, "/readyz").json() == {"status": "ok", "degraded": both})
    assert doctor_of(holdfast, files).endswith(f"this needs attention: {', '.join(both)}.")
    metrics = ask(holdfast, "/metrics").text
    for server in ("publisher", "gateway"):
        assert f'holdfast_server_certificate_usable{{server="{server}"}} 0.0' in metrics
        assert f'holdfast_server_certificate_not_after_timestamp_seconds{{server="{server}"}} 1.' in metrics
    wait_until(lambda: holdfast.output.read_text().count("certificate has a problem") == len(files))
    output = holdfast.output.read_text()
    for directory in files:
        assert f"Warning: The certificate in {directory / 'publisher.pem'} expired on " in output
    repair(holdfast, files)
    wait_until(lambda: ask(holdfast, "/readyz").json() == {"status": "ok"})
    wait_until(lambda: 'holdfast_server_certificate_usable{server="gateway"} 1.0' in ask(holdfast, "/metrics").text)


def test_files_that_cannot_be_used_close_https_and_nothing_else(holdfast: Holdfast, files: tuple[Path, Path]):
    holdfast.stop()
    (files[0] / "publisher.key").write_bytes(issue(V4).key_pem)
    (files[1] / "publisher.pem").unlink()
    holdfast.start()
    process = holdfast.pid
    assert refusal(holdfast.call("/nothing")) == "404 not_found"
    with pytest.raises(OSError):  # noqa: PT011 - one of several kinds
        handshake(publisher_address(holdfast))
    with socket.create_connection(publisher_address(holdfast), timeout=20) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        data = b""
        with suppress(ConnectionResetError):
            data = connection.recv(4096)
        assert b"HTTP" not in data
    with pytest.raises(ConnectionRefusedError):
        handshake(holdfast.tls_address())
    for warning in (
        f"Warning: The private key in {files[0] / 'publisher.key'} doesn't match the first certificate",
        f"Warning: File not found: {files[1] / 'publisher.pem'}.",
    ):
        wait_until(lambda warning=warning: warning in holdfast.output.read_text())
    repair(holdfast, files)
    assert holdfast.pid == process


def handles_sighup(pid: int) -> bool:
    """Return whether a process ignores or catches SIGHUP; until then, the signal has its default action."""
    with suppress(OSError):
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return bool((int(status["SigIgn"], 16) | int(status["SigCgt"], 16)) & 1)
    return False


def test_sighup_ends_nothing_without_tls_nor_during_start_and_stop(tmp_path: Path):
    own, end = Holdfast(tmp_path), threading.Event()

    def hang_up_again_and_again() -> None:
        wait_until(lambda: own.is_started and handles_sighup(own.pid), within=60)
        pid = own.pid
        while not end.wait(0.02):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGHUP)

    thread = threading.Thread(target=hang_up_again_and_again)
    thread.start()
    try:
        with own:
            wait_until(lambda: "files reloaded after SIGHUP" in own.output.read_text())
            assert refusal(own.call("/nothing")) == "404 not_found"
            assert "Traceback" not in own.output.read_text()
    finally:
        end.set()
        thread.join()


def test_a_terminal_that_is_closed_ends_holdfast_as_before(tmp_path: Path):
    own = Holdfast(tmp_path)
    terminal, inner = pty.openpty()
    command = ["setsid", "--ctty", "--wait", str(COMMAND), "up", *own.options()]
    process = subprocess.Popen(command, env=own.environment, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    output = b""
    while b"Ready: " not in output:
        output += os.read(terminal, 4096)
    os.close(terminal)
    try:
        assert process.wait(60) == 0
    finally:
        if is_running(process.pid):
            process.kill()
    own.rest.close()
