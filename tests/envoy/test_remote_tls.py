"""A gateway on another machine that serves callers over TLS with its own certificate."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from backends import V4, Backend
from issuing import Identity, issue
from ports import free_addresses
from remote_gateways import STARTS_WITHIN, RemoteGateway
from running import COMMAND, Holdfast, wait_until, write_identity

pytestmark = pytest.mark.envoy
HOST = "127.0.0.2"
PUBLISHER = issue("127.0.0.1")


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    """A publisher whose own gateway uses only http."""
    directory = tmp_path_factory.mktemp("publisher")
    (address,) = free_addresses(1)
    files = zip(("HOLDFAST_TLS_CERT", "HOLDFAST_TLS_KEY"), map(str, write_identity(directory, PUBLISHER)), strict=True)
    with Holdfast(directory, ca=PUBLISHER.pem, HOLDFAST_DISCOVERY=address, **dict(files)) as running:
        yield running


def test_a_gateway_presents_its_own_certificate_and_keeps_it_until_the_files_can_be_used(
    holdfast: Holdfast, tmp_path: Path
):
    first, second, caller = issue(HOST), issue(HOST), issue(common_name="partner")
    certificate, key = write_identity(tmp_path, first)
    usable = certificate.read_bytes()
    certificate.write_text("nothing")
    gateway = RemoteGateway(holdfast, tmp_path, "tls-1", HOST, "EU", (certificate, key))
    backend_certificate = issue(V4)
    with Backend(backend_certificate) as backend:
        api = holdfast.publish_trusted_api(backend.url(), backend_certificate.pem)
        holdfast.rest.put(f"/apis/{api.id}", json={"gatewayEnvironments": ["EU"]}).raise_for_status()
        upload = {"alias": (None, "partner"), "tier": (None, "Gold"), "certificate": ("c.pem", caller.pem)}
        holdfast.rest.post(f"/apis/{api.id}/client-certificates", files=upload).raise_for_status()
        gateway.join()
        try:
            # Nothing listens there without a certificate, and the publisher shows why.
            problems = wait_until(lambda: several(problems_of(holdfast, "tls-1")), STARTS_WITHIN)
            assert f"can't use {certificate}" in problems[0]
            assert "doesn't listen for production/tls. Set --tls-cert and --tls-key" in problems[1]

            certificate.write_bytes(usable)
            restart(gateway)
            wait_until(lambda: status(gateway.secure, api.path, first, caller, tmp_path) == 200, STARTS_WITHIN)
            assert status(gateway.secure, api.path, first, None, tmp_path) == 403
            wait_until(lambda: not problems_of(holdfast, "tls-1"))

            certificate.write_text("nothing")
            process = restart(gateway)
            assert (process.returncode, f"can't use {certificate}" in process.stderr) == (1, True), process.stderr
            assert status(gateway.secure, api.path, first, caller, tmp_path) == 200
            wait_until(lambda: problems_of(holdfast, "tls-1"))

            write_identity(tmp_path, second)
            restart(gateway)
            wait_until(lambda: status(gateway.secure, api.path, second, caller, tmp_path) == 200, STARTS_WITHIN)
            assert second.key_pem.splitlines()[1] not in (gateway.data / "last-known-good").read_bytes()
        finally:
            gateway.stop()


def several(problems: list[str]) -> list[str]:
    return problems if len(problems) > 1 else []


def restart(gateway: RemoteGateway) -> "subprocess.CompletedProcess[str]":
    command = [str(COMMAND), "gateway", "restart", f"--data={gateway.data}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def problems_of(holdfast: Holdfast, name: str) -> list[str]:
    """Return the problems that a gateway reports."""
    report = holdfast.rest.get(f"/gateways/{name}").json()["connection"]["report"]
    return [problem["message"] for problem in report["problems"]] if report else []


def status(address: str, path: str, own: Identity, caller: Identity | None, directory: Path) -> int:
    """Return the status of a call that trusts only *own*; 0 without a connection."""
    context = ssl.create_default_context(cadata=own.pem.decode())
    if caller:
        file = directory / "caller.pem"
        file.write_bytes(caller.pem + caller.key_pem)
        context.load_cert_chain(file)
    try:
        return httpx2.get(f"https://{address}{path}", verify=context, trust_env=False, timeout=30).status_code
    except httpx2.TransportError:
        return 0
