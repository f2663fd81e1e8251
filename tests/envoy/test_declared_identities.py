"""Caller certificates and gateway identities in configuration files, at a gateway with TLS."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from backends import Backend
from calling import GATEWAYS, REFUSED, answer
from cli.commanding import Command, Result
from issuing import CLIENTS_ONLY, DAY, Identity, issue
from running import Holdfast, PublishedApi, wait_until, write_identity

pytestmark = [pytest.mark.envoy, pytest.mark.long]
HOST = "127.0.0.1"
ANNA, BERTA = issue(common_name="anna"), issue(common_name="berta")
CA = issue(ca=True, common_name="client CA")


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("declared")
    files = write_identity(directory, issue(HOST, by=GATEWAYS))
    with Holdfast(directory, gateway_identity=files) as running:
        yield running


class Declaration:
    """A file that declares one API and its backend, and commands that use it."""

    def __init__(self, holdfast: Holdfast, directory: Path, backend: Backend, identity: Identity) -> None:
        self.directory = directory
        self.api: dict[str, object] = {"name": "Declared", "context": "/declared", "version": 1, "state": "published"}
        self.api["production"] = self.url = backend.url()
        self.more: dict[str, object] = {}
        (directory / "server.pem").write_bytes(identity.pem)
        who = {"HOLDFAST_USER": "admin", "HOLDFAST_PASSWORD": holdfast.admin_password}
        self.command = Command(directory, HOLDFAST_URL=holdfast.publisher_url, **who)

    def write(self) -> Path:
        certificate = {"alias": "declared", "endpoint": self.url, "file": "server.pem"}
        document = {"holdfast": 1, "apis": [self.api], "certificates": [certificate], **self.more}
        file = self.directory / "a.yaml"
        file.write_text(yaml.safe_dump(document))
        return file

    def let_call(self, **callers: Identity) -> None:
        entries = [{"alias": alias, "pem": identity.pem.decode()} for alias, identity in callers.items()]
        self.api["callerCertificates"] = entries

    def apply(self, **environment: str) -> Result:
        return self.command.run("apply", "-f", self.write(), "--yes", "--wait", **environment)

    def steps(self, **environment: str) -> list[str]:
        changes = self.command("diff", "-f", self.write(), "--json", **environment).json["changes"]
        return [f"{change['action']} {change['kind']} {change['name']}" for change in changes]


@pytest.fixture
def declaration(holdfast: Holdfast, tmp_path: Path) -> Iterator[Declaration]:
    identity = issue(HOST)
    with Backend(identity, client_ca=CA, client_needed=False) as backend:
        declaration = Declaration(holdfast, tmp_path, backend, identity)
        yield declaration
        declaration.command("api", "delete", "Declared", "--yes", "--delete-unused-certificates")


def test_caller_certificates_in_files_are_all_that_can_call(holdfast: Holdfast, declaration: Declaration):
    api = PublishedApi("", "Declared", "/declared/1")
    declaration.let_call(anna=ANNA)
    declaration.api["requireCallerCertificate"] = True
    assert declaration.steps()[-2:] == ["create caller certificate Declared:1/anna", "move api Declared:1"]
    declaration.apply()
    wait_until(lambda: answer(holdfast, api, ANNA) == "200")
    assert (answer(holdfast, api, BERTA), declaration.steps()) == (REFUSED, [])
    declaration.let_call(berta=BERTA, anna=issue(common_name="anna"))
    assert declaration.steps() == [
        "create caller certificate Declared:1/berta",
        "change caller certificate Declared:1/anna",
    ]
    declaration.apply()
    wait_until(lambda: answer(holdfast, api, BERTA) == "200")
    wait_until(lambda: answer(holdfast, api, ANNA) == REFUSED)
    declaration.let_call()
    declaration.api["requireCallerCertificate"] = False
    assert declaration.steps()[0].startswith("delete caller certificate")
    declaration.apply()
    wait_until(lambda: answer(holdfast, api, None) == "200")
    assert declaration.steps() == []


def test_contradictions_of_caller_certificates_are_rejected(declaration: Declaration):
    declaration.let_call(anna=ANNA)
    declaration.api["requireCallerCertificate"] = False
    assert "no effect without requireCallerCertificate" in declaration.command.fail("diff", "-f", declaration.write())
    del declaration.api["requireCallerCertificate"]
    declaration.let_call(anna=issue(common_name="old", start=-3 * DAY, end=-DAY))
    assert "The certificate has expired." in declaration.command.fail("diff", "-f", declaration.write())


def test_a_gateway_identity_is_presented_and_its_key_never_shown(holdfast: Holdfast, declaration: Declaration):
    first, second = (issue(common_name=name, by=CA, purpose=CLIENTS_ONLY) for name in ("first", "second"))
    (declaration.directory / "first.key").write_bytes(first.key_pem)
    identity = {"endpoint": declaration.url, "pem": first.pem.decode(), "keyFile": "first.key"}
    declaration.more["gatewayIdentities"] = [identity]
    plan = declaration.directory / "plan.json"
    assert declaration.command("diff", "-f", declaration.write(), "--out", plan).code == 5
    output = declaration.command.run("apply", plan, "--wait").output
    secret = first.key_pem.decode().splitlines()[1]
    assert [secret in text for text in (output, plan.read_text())] == [False, False]
    assert "first.key" not in plan.read_text()
    wait_until(lambda: holdfast.call("/declared/1").json().get("client") == "first")
    assert declaration.steps() == []

    declaration.more["gatewayIdentities"] = [
        {"endpoint": declaration.url, "pem": second.pem.decode(), "keyVariable": "GATEWAY_KEY"}
    ]
    key = {"HOLDFAST_VAR_GATEWAY_KEY": second.key_pem.decode()}
    assert "the variable with its key isn't set" in declaration.command.fail("diff", "-f", declaration.write())
    wrong = {"HOLDFAST_VAR_GATEWAY_KEY": first.key_pem.decode()}
    problem = declaration.command.fail("diff", "-f", declaration.write(), **wrong)
    assert "gatewayIdentities[0].keyVariable: " in problem
    assert declaration.steps(**key) == [f"change gateway identity {declaration.url}"]
    declaration.apply(**key)
    wait_until(lambda: holdfast.call("/declared/1").json().get("client") == "second")
    assert (declaration.steps(**key), declaration.steps()) == ([], [])
    assert f"Skipped the gateway identity for {declaration.url}" in declaration.command.run("export").errors
