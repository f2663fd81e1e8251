"""compose.yaml: its schema, and what it says about Holdfast, HAProxy and PostgreSQL."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from deploy.containers import Container, read_seconds
from holdfast.apis.gateways.enrollment_key import read_enrollment_keys
from holdfast.files.sealing_keys import read_keys
from holdfast.server.middleware.health import READY
from holdfast.services.access.passwords import check_password

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES = COMPOSE["services"]
OURS = {
    name: service for name, service in SERVICES.items() if service.get("image") == "holdfast" and "command" in service
}
IMAGE = dict(re.findall(r"(HOLDFAST_\w+)=(\S+)", (ROOT / "Dockerfile").read_text("utf-8")))
CHECK = Path(sys.executable).with_name("check-jsonschema")


def container(name: str) -> Container:
    service = OURS[name]
    return Container(tuple(service["command"]), IMAGE | service["environment"])


@pytest.mark.parametrize("file", ["compose.yaml", "compose.single.yaml"])
def test_the_files_fit_the_schema_of_compose(file):
    command = [CHECK, "--builtin-schema", "vendor.compose-spec", ROOT / file]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_there_are_two_control_planes_and_two_gateways_each_with_its_name():
    assert sorted(OURS) == ["control-plane-1", "control-plane-2", "gateway-1", "gateway-2"]
    for name, service in OURS.items():
        assert name in (service["environment"].get("HOLDFAST_NAME"), service["environment"].get("HOLDFAST_JOIN_NAME"))


@pytest.mark.parametrize("name", OURS)
def test_commands_variables_and_files_of_a_container_exist(name):
    ours, service = container(name), OURS[name]
    # The image has variables of the publisher, which gateways don't read.
    Container(ours.arguments, service["environment"]).check()
    if ours.arguments[0] == "up":
        ours.check()
    assert {str(path.parent) for path in ours.files().values()} == {"/run/secrets"}
    assert {path.name for path in ours.files().values()} == set(service["secrets"]) <= set(COMPOSE["secrets"])
    assert read_seconds(service["stop_grace_period"]) > ours.drain + 10


@pytest.mark.parametrize("name", SERVICES)
def test_containers_have_no_capabilities_and_a_read_only_file_system(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    if name != "secrets":  # which runs once, without a network
        assert service["read_only"]
    if name in OURS:
        assert "cap_add" not in service


def test_only_the_load_balancer_publishes_ports_and_only_control_planes_reach_the_database():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["load-balancer"]
    networks = {name: set(service.get("networks", ())) for name, service in SERVICES.items()}
    assert {name for name, networks_of_one in networks.items() if "database" in networks_of_one} == {
        "control-plane-1",
        "control-plane-2",
        "database",
    }
    assert COMPOSE["networks"]["database"]["internal"]
    address = SERVICES["load-balancer"]["networks"]["front"]["ipv4_address"]
    assert OURS["control-plane-1"]["environment"]["HOLDFAST_TRUSTED_PROXIES"] == address


def test_the_load_balancer_reaches_every_container_at_a_port_on_which_it_listens():
    text = (ROOT / "deploy/compose/haproxy.cfg").read_text("utf-8")
    servers = re.findall(r"^    server (\S+) (\S+):(\d+)", text, re.MULTILINE)
    assert {name for name, _, _ in servers} == set(OURS)
    for name, host, port in servers:
        assert name == host
        assert int(port) in container(name).ports()
    assert f"option httpchk GET {READY}\n" in text
    ports_outside = {port.partition(":")[0] for port in SERVICES["load-balancer"]["ports"]}
    assert ports_outside == set(re.findall(r"^    bind :(\d+)", text, re.MULTILINE))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """The files that the service `secrets` creates."""
    directory = tmp_path_factory.mktemp("secrets")
    command = [sys.executable, ROOT / "deploy/compose/create_secrets.py", directory, "publisher.example", "192.0.2.10"]
    subprocess.run(command, check=True, capture_output=True)
    return directory


def test_the_secrets_can_be_used_and_only_their_containers_read_them(secrets):
    assert {path.name for path in secrets.iterdir()} == set(COMPOSE["secrets"])
    for path in secrets.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o440
        if os.geteuid() == 0:
            assert (path.stat().st_uid, path.stat().st_gid) == (10001, 999)
    read_keys((secrets / "sealing-key").read_text(), "")
    read_enrollment_keys((secrets / "enrollment-key").read_text())
    check_password((secrets / "admin-password").read_text().strip(), "admin")
    assert (secrets / "database-password").read_text() != (secrets / "postgres-password").read_text()


def test_the_certificate_is_valid_for_the_names_of_people_and_of_gateways(secrets):
    (ca,) = x509.load_pem_x509_certificates((secrets / "ca.pem").read_bytes())
    (leaf,) = x509.load_pem_x509_certificates((secrets / "publisher.pem").read_bytes())
    for name in ("publisher.example", "control-planes", "control-plane-1", "control-plane-2", "localhost"):
        PolicyBuilder().store(Store([ca])).build_server_verifier(x509.DNSName(name)).verify(leaf, [])


def test_secrets_that_exist_are_kept(secrets):
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    (secrets / "admin-password").unlink()
    subprocess.run(
        [sys.executable, ROOT / "deploy/compose/create_secrets.py", secrets], check=True, capture_output=True
    )
    after = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert [name for name in before if before[name] != after[name]] == ["admin-password"]


@pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy isn't installed")
def test_haproxy_accepts_its_configuration(secrets, tmp_path):
    text = (ROOT / "deploy/compose/haproxy.cfg").read_text("utf-8")
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(text.replace("/run/secrets", str(secrets)))
    result = subprocess.run(["haproxy", "-c", "-f", configuration], capture_output=True, text=True, check=False)  # noqa: S607
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr
