"""The container image, compose.yaml and the systemd unit: what can be checked without an engine, and a confined run."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from deploy.containers import Container, read_seconds
from ports import free_addresses
from running import COMMAND, REST, START_WITHIN, wait_until

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent
PASSWORD = "correct horse battery staple"
# As a container with a read-only root file system: all of it, except for two directories.
CONFINE = """
set -eu
for directory in "$1" "$2"; do mount --bind "$directory" "$directory"; done
mount -o remount,bind,ro /
if touch "$PWD/writable" 2>/dev/null; then exit 3; fi
shift 2
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""
UNSHARE = ["unshare", "--mount", "--propagation=private"]
if os.geteuid():
    UNSHARE += ["--user", "--map-root-user"]


def check(*command: str | Path) -> str:
    """Run *command*, which must succeed, and return what it prints."""
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_hadolint_finds_nothing_in_the_dockerfile():
    check(TOOLS / "hadolint", "Dockerfile")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd isn't installed")
@pytest.mark.parametrize(("name", "threshold"), [("holdfast", 15), ("holdfast-gateway", 17)])
def test_systemd_accepts_the_units_and_finds_them_confined(tmp_path, name, threshold):
    unit = tmp_path / f"{name}.service"
    source = (ROOT / f"deploy/{name}.service").read_text()
    unit.write_text(source.replace("/opt/holdfast/bin/holdfast", str(COMMAND)))
    shutil.copytree(ROOT / f"deploy/{name}.service.d", tmp_path / f"{name}.service.d")
    check("systemd-analyze", "verify", unit)
    check("systemd-analyze", "security", "--offline=yes", f"--threshold={threshold}", unit)  # tenths: 1.5 of 10


@pytest.mark.parametrize("name", ["holdfast", "holdfast-gateway"])
def test_commands_variables_and_credentials_of_the_units_exist(name):
    unit = ROOT / f"deploy/{name}.service"
    fields = re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE)
    for drop_in in unit.with_name(f"{unit.name}.d").iterdir():
        fields += re.findall(r"^(\w+)=(.*)$", drop_in.read_text(), re.MULTILINE)
    values = {field: [value for name, value in fields if name == field] for field, _ in fields}
    (command,) = values["ExecStart"]
    variables = dict(assignment.split("=", 1) for value in values["Environment"] for assignment in value.split())
    container = Container(tuple(command.split()[1:]), variables | {"HOLDFAST_JOIN_URL": "https://publisher.example"})
    container.check()
    credentials = {f"%d/{value.partition(':')[0]}" for value in values["LoadCredential"]}
    assert credentials == {str(path) for path in container.files().values()}
    assert read_seconds(values["TimeoutStopSec"][0]) > container.drain + 10


@pytest.mark.skipif(sys.platform != "linux", reason="needs namespaces of Linux")
def test_an_envoy_is_not_visible_from_another_user_namespace():
    """This is why the gateway's unit has no PrivateUsers: a restarted agent would get another namespace."""
    with subprocess.Popen(["unshare", "-U", "sleep", "60"]) as process:  # noqa: S607
        try:
            wait_until(lambda: Path(f"/proc/{process.pid}/comm").read_text() == "sleep\n")
            look = ["readlink", f"/proc/{process.pid}/exe"]
            assert subprocess.run(["unshare", "-U", *look], check=False, capture_output=True).returncode == 1  # noqa: S607
            check(*look)
        finally:
            process.kill()
    for name in ("PrivateUsers=", "RemoveIPC="):
        assert f"\n{name}" not in (ROOT / "deploy/holdfast-gateway.service").read_text()


@pytest.mark.envoy
@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("setpriv"), reason="needs namespaces of Linux")
def test_holdfast_writes_only_to_its_data_directory_and_tmpdir(tmp_path, tmp_path_factory):
    data, sockets = tmp_path / "data", tmp_path_factory.mktemp("run")  # paths of sockets must be short
    data.mkdir(mode=0o700)
    addresses = dict(zip(("PUBLISHER", "GATEWAY", "SANDBOX"), free_addresses(3), strict=True))
    environment = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(sockets),
        "HOLDFAST_DATA": str(data),
        "HOLDFAST_ADMIN_PASSWORD": PASSWORD,
        **{f"HOLDFAST_{name}": address for name, address in addresses.items()},
    }
    command = [*UNSHARE, "sh", "-c", CONFINE, "sh", data, sockets, COMMAND, "up"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: is_ready(environment) or process.poll() is not None, START_WITHIN)
        assert process.poll() is None, log.read_text()
        api = {"name": "Pizza", "context": "/pizza", "version": "1.0.0"}
        url = f"http://{addresses['PUBLISHER']}{REST}/apis"
        assert httpx2.post(url, json=api, auth=("admin", PASSWORD), timeout=30).status_code == 201
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(START_WITHIN)
    assert (code, list(sockets.iterdir())) == (0, []), log.read_text()
    assert "ead-only file system" not in log.read_text() + (data / "gateway" / "envoy.log").read_text()
    assert not is_ready(environment)


def is_ready(environment: dict[str, str]) -> bool:
    """Ask as the health check of the container image does."""
    command = [sys.executable, ROOT / "deploy/health.py"]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
