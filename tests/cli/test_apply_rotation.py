"""Files rotate certificates without failed calls while the backend may use the replaced ones."""

import re
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.hashes import SHA256

from backends import Backend
from cli.commanding import Command
from issuing import DAY, Identity, issue
from load import Load
from running import refusal, wait_until

pytestmark = pytest.mark.envoy
HOST = "127.0.0.1"
PATH = "/pizza/1"
NOT_TRUSTED = "503 backend_not_trusted"


class Files:
    """A file with an API and the certificates of its backend, to write, compare and apply."""

    def __init__(self, command: Command, path: Path, url: str) -> None:
        self.command, self.path, self.url = command, path, url

    def write(self, *certificates: Identity, **fields: object) -> None:
        pem = b"".join(leaf.pem for leaf in certificates).decode()
        api = {"name": "pizza", "context": "/pizza", "version": "1", "state": "published", "production": self.url}
        entry = {"alias": "pizza", "endpoint": self.url, "pem": pem} | fields
        self.path.write_text(yaml.safe_dump({"holdfast": 1, "apis": [api], "certificates": [entry]}))

    def apply(self, *certificates: Identity, **fields: object) -> None:
        """Write the file, apply it, and see that all gateways have it."""
        self.write(*certificates, **fields)
        self.command.run("apply", "-f", self.path, "--yes", "--wait")

    def steps(self, *arguments: object) -> list[str]:
        """Return the changes that diff shows, in short."""
        changes = self.command("diff", "-f", self.path, *arguments, "--json").json["changes"]
        return [f"{change['action']} {change['kind']}" for change in changes]

    def list_trusted(self) -> tuple[set[str], set[str]]:
        """The fingerprints of what is trusted under the alias: current and previous."""
        entry = self.command.run("certificate", "show", "pizza", "--json").json
        current, previous = entry["certificates"], entry["previous"]
        return {leaf["fingerprint"] for leaf in current}, {leaf["fingerprint"] for leaf in previous}


def print_of(leaf: Identity) -> str:
    """The SHA-256 fingerprint, as REST writes it."""
    return leaf.certificate.fingerprint(SHA256()).hex()


@pytest.fixture
def old():
    return issue(HOST, common_name="old")


@pytest.fixture
def new():
    return issue(HOST, common_name="new")


@pytest.fixture
def backend(old):
    with Backend(old) as backend:
        yield backend


@pytest.fixture
def files(command, tmp_path, backend):
    return Files(command, tmp_path / "a.yaml", backend.url())


def test_a_rotation_under_traffic_fails_no_call(holdfast, files, backend, old, new):
    files.apply(old)
    wait_until(lambda: holdfast.call(PATH).status_code == 200)
    with Load(holdfast, PATH) as load:
        files.apply(new)
        load.go_on(100)
        backend.present(new)
        load.go_on(100)
    assert set(load.answers) == {"200"}, load.answers
    assert files.list_trusted() == ({print_of(new)}, {print_of(old)})


def test_the_next_apply_retires_certificates_that_the_backend_no_longer_uses(holdfast, files, backend, old, new):
    files.apply(old)
    backend.present(new)
    files.apply(new)
    wait_until(files.steps, within=150)  # until the gateway sees the new certificate; it checks once per minute
    result = files.command("diff", "-f", files.path)
    assert result.code == 5
    assert re.fullmatch(
        r"~ change certificate pizza\n    no longer trusts: CN=old, expires \S+, SHA-256 (..:){7}..\.\.\.\n",
        result.output,
    )
    files.apply(new)
    assert files.list_trusted() == ({print_of(new)}, set())
    backend.present(old)
    assert refusal(holdfast.call(PATH)) == NOT_TRUSTED
    assert files.steps() == []


def test_a_second_rotation_keeps_certificates_that_the_backend_still_uses(holdfast, files, old, new):
    third = issue(HOST, common_name="third")
    files.apply(old)
    wait_until(lambda: holdfast.call(PATH).status_code == 200)
    with Load(holdfast, PATH) as load:
        files.apply(new)
        files.apply(third)
        load.go_on(50)
    assert set(load.answers) == {"200"}, load.answers
    assert files.list_trusted() == ({print_of(third)}, {print_of(old), print_of(new)})


def test_without_keep_previous_the_old_certificate_is_rejected_immediately(holdfast, files, old, new):
    files.apply(old)
    files.apply(new)
    files.write(new, keepPrevious=False)
    assert files.steps() == ["change certificate"]
    files.apply(new, keepPrevious=False)
    assert files.list_trusted() == ({print_of(new)}, set())
    assert refusal(holdfast.call(PATH)) == NOT_TRUSTED
    files.apply(old, keepPrevious=False)
    assert files.list_trusted() == ({print_of(old)}, set())
    wait_until(lambda: holdfast.call(PATH).status_code == 200)


def test_an_overlap_that_a_gateway_would_confuse_is_rejected_with_its_line(files):
    one, second = (issue(HOST, identified=False) for _ in range(2))
    files.apply(one)
    files.write(second)
    line = files.path.read_text().splitlines().index("  pem: '" + second.pem.decode().splitlines()[0]) + 1
    message = files.command.fail("diff", "-f", files.path)
    assert f"{files.path}:{line}: certificates[0].pem: pizza would have a current and a previous certificate" in message
    assert "Set keepPrevious: false" in message
    files.apply(second, keepPrevious=False)
    assert files.list_trusted() == ({print_of(second)}, set())


@pytest.mark.parametrize("target", ["out", "out.yaml"])
def test_an_export_during_a_rotation_recreates_the_same_trust_elsewhere(
    holdfast, files, backend, old, new, target, tmp_path
):
    files.apply(old)
    files.apply(new)
    files.command.run("export", "-o", tmp_path / target)
    assert files.command.run("diff", "-f", tmp_path / target).output.startswith("No changes.\n")
    files.command.run("api", "delete", "pizza", "--yes")
    files.command.run("certificate", "delete", "pizza", "--yes")
    files.command.run("apply", "-f", tmp_path / target, "--yes", "--wait")
    assert files.list_trusted() == ({print_of(new)}, {print_of(old)})
    for leaf in (old, new):
        backend.present(leaf)
        wait_until(lambda: holdfast.call(PATH).status_code == 200)
    assert files.command("diff", "-f", tmp_path / target).code == 0


def test_previous_certificates_in_a_file_stay_even_if_unused(files, backend, old, new):
    backend.present(new)
    fields = {"previousPem": old.pem.decode()}
    files.apply(new, **fields)
    note = "! The backend of pizza no longer uses the previous certificates."
    wait_until(lambda: note in files.command.run("diff", "-f", files.path).output, within=150)
    files.apply(new, **fields)
    assert files.list_trusted() == ({print_of(new)}, {print_of(old)})


def test_expired_previous_certificates_are_skipped(files, old):
    old_leaf = issue(HOST, common_name="expired", start=-10 * DAY, end=-DAY)
    files.apply(old, previousPem=old_leaf.pem.decode())
    assert files.list_trusted() == ({print_of(old)}, set())
    assert files.steps() == []


def test_a_plan_lists_certificates_that_lose_trust_with_their_alias(files, old, new):
    files.apply(old)
    files.apply(new)
    files.command.run("certificate", "add", "other", files.url, "-", stdin=issue(HOST).pem)
    files.path.write_text("holdfast: 1\ncertificates: []\n")
    output = files.command("diff", "-f", files.path, "--prune").output
    assert "- delete certificate pizza\n" in output
    assert "    no longer trusts: CN=new, expires " in output
    assert "    no longer trusts: CN=old, expires " in output
    assert f"! {files.url} has no imported certificates after this." in output
    files.path.write_text(f"holdfast: 1\ncertificates:\n- alias: another\n  endpoint: {files.url}\n  pem: |\n")
    with files.path.open("a") as file:
        file.writelines(f"    {line}\n" for line in old.pem.decode().splitlines())
    output = files.command("diff", "-f", files.path, "--prune").output
    assert "no longer trusts: CN=new, expires " in output
    assert "no longer trusts: CN=old" not in output, "it is trusted under another alias"
    assert "No imported certificate is left" not in output
