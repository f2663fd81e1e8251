"""`holdfast gateway run --join`: a gateway that joins at its first start, with a key or token in a file."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from issuing import issue
from ports import free_addresses
from running import COMMAND, Holdfast, wait_until, write_identity

pytestmark = pytest.mark.envoy
KEY = "hfe_" + "0123456789abcdef" * 4
OWN = issue("127.0.0.1")
WITHIN = 60.0  # seconds


class Node:
    """A gateway of an orchestrator: its disk can be lost."""

    def __init__(self, directory: Path, holdfast: Holdfast) -> None:
        self.log = directory / "node.log"
        self.secret = directory / "enrollment-key"
        self.secret.write_text(f"{KEY}\n")
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(OWN.pem)
        production, sandbox = free_addresses(2)
        self.environment = {name: value for name, value in holdfast.environment.items() if "TLS" not in name} | {
            "HOLDFAST_JOIN_URL": holdfast.publisher_url,
            "HOLDFAST_JOIN_TOKEN_FILE": str(self.secret),
            "HOLDFAST_JOIN_CA_FILE": str(self.ca),
            "HOLDFAST_JOIN_NAME": "node-1",
            "HOLDFAST_GATEWAY_PRODUCTION": production,
            "HOLDFAST_GATEWAY_SANDBOX": sandbox,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, data: Path, **environment: str) -> None:
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [str(COMMAND), "gateway", "run"],
                env=self.environment | {"HOLDFAST_GATEWAY_DATA": str(data)} | environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def says(self, text: str) -> bool:
        assert self._process
        assert self._process.poll() is None, self.log.read_text()
        return text in self.log.read_text()

    def stop(self) -> int:
        assert self._process
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(WITHIN)

    def fail(self, data: Path, **environment: str) -> str:
        """Start it, wait until it gives up, and return what it said."""
        self.start(data, **environment)
        assert self._process
        assert self._process.wait(WITHIN) != 0
        return self.log.read_text()


@pytest.fixture
def holdfast(tmp_path: Path) -> Iterator[Holdfast]:
    keys = tmp_path / "keys"
    keys.write_text(f"hfe_{'f' * 64} Default\n{KEY}\n")
    (discovery,) = free_addresses(1)
    files = dict(zip(("HOLDFAST_TLS_CERT", "HOLDFAST_TLS_KEY"), map(str, write_identity(tmp_path, OWN)), strict=True))
    holdfast = Holdfast(
        tmp_path,
        ca=OWN.pem,
        HOLDFAST_DISCOVERY=discovery,
        HOLDFAST_WITHOUT_GATEWAY="1",
        HOLDFAST_ENROLLMENT_KEY_FILE=str(keys),
        **files,
    )
    yield holdfast
    holdfast.__exit__()


@pytest.fixture
def node(tmp_path: Path, holdfast: Holdfast) -> Iterator[Node]:
    node = Node(tmp_path, holdfast)
    yield node
    node.stop()


def test_a_gateway_waits_for_its_publisher_joins_once_and_joins_again_without_its_disk(
    tmp_path: Path, holdfast: Holdfast, node: Node
):
    node.start(tmp_path / "first")
    wait_until(lambda: node.says("Connection refused. Check the URL. Trying again in"), WITHIN)
    assert node.stop() == 0
    node.start(tmp_path / "first")
    holdfast.start()
    wait_until(lambda: is_connected(holdfast), WITHIN)
    assert node.says(f"Joined {holdfast.publisher_url} as node-1, in the group Default.")
    first = fingerprint(holdfast)
    assert node.stop() == 0
    wait_until(lambda: not is_connected(holdfast), WITHIN)

    # It has joined, so it needs neither the file nor the CA again.
    node.start(tmp_path / "first", HOLDFAST_JOIN_TOKEN_FILE="/nowhere")
    wait_until(lambda: is_connected(holdfast), WITHIN)
    assert fingerprint(holdfast) == first
    assert node.stop() == 0
    wait_until(lambda: not is_connected(holdfast), WITHIN)

    wrong = tmp_path / "wrong"
    wrong.write_text("hfe_" + "e" * 64)
    second = tmp_path / "second"
    assert "rejected the token" in node.fail(second, HOLDFAST_JOIN_TOKEN_FILE=str(wrong))
    assert "isn't a join token" in node.fail(second, HOLDFAST_JOIN_TOKEN_FILE=str(node.ca))
    assert "can't be verified: self-signed certificate" in node.fail(second, HOLDFAST_JOIN_CA_FILE="")
    node.start(second)
    wait_until(lambda: is_connected(holdfast), WITHIN)
    assert fingerprint(holdfast) != first
    assert node.stop() == 0

    token = tmp_path / "token"
    token.write_text(holdfast.rest.post("/gateways", json={"name": "eu-1"}).raise_for_status().json()["token"])
    node.start(tmp_path / "third", HOLDFAST_JOIN_TOKEN_FILE=str(token), HOLDFAST_JOIN_CA_FILE="")
    wait_until(lambda: is_connected(holdfast, "eu-1"), WITHIN)


def is_connected(holdfast: Holdfast, name: str = "node-1") -> bool:
    answer = holdfast.rest.get(f"/gateways/{name}")
    return answer.status_code == 200 and bool(answer.json()["connection"]["connectedSince"])


def fingerprint(holdfast: Holdfast) -> str:
    return str(holdfast.rest.get("/gateways/node-1").json()["certificate"]["fingerprint"])
