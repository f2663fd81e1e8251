"""Many connections and large bodies with few open files allowed do not affect other callers."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from backends import Backend
from holdfast.server.machine.limits import compute_connection_limits
from running import REST, Holdfast, PublishedApi, wait_until

pytestmark = pytest.mark.envoy
FILES = 600
LIMITS = compute_connection_limits(FILES)
OTHER_ADDRESS = "127.0.0.2"  # all of 127.0.0.0/8 is this machine


class NarrowHoldfast(Holdfast):
    """A Holdfast whose processes may open few files; the soft limit is lower still."""

    def _command(self, arguments: list[str]) -> list[str]:
        script = f'ulimit -Sn 200 && ulimit -Hn {FILES} && exec "$@"'
        return ["sh", "-c", script, "sh", *super()._command(arguments)]


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < FILES:
        pytest.skip("this machine allows fewer files")
    with NarrowHoldfast(tmp_path_factory.mktemp("narrow"), forks=False) as running:
        yield running


@pytest.fixture(scope="module")
def api(narrow: Holdfast) -> Iterator[PublishedApi]:
    with Backend(None) as backend:
        yield narrow.publish_api(backend.url())


@contextlib.contextmanager
def idle_connections(url: str, count: int) -> Iterator[list[socket.socket]]:
    """Open *count* connections that say nothing."""
    parts = urlsplit(url)
    with contextlib.ExitStack() as stack:
        address = (parts.hostname, parts.port)
        connections = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(count)]
        for connection in connections:
            connection.setblocking(False)
        yield connections


def still_open(connections: list[socket.socket]) -> int:
    """Count the connections that the other side has not ended."""
    return sum(map(_is_open, connections))


def _is_open(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


def memory(pid: int, line: str) -> int:
    """Read a line of a process's status, like VmRSS, in KiB."""
    return int(Path(f"/proc/{pid}/status").read_text().partition(f"{line}:")[2].split()[0])


def test_both_processes_raise_the_soft_limit_of_files(narrow: Holdfast):
    for pid in (narrow.pid, narrow.envoy):
        (line,) = (line for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "open files" in line)
        assert line.split()[3:5] == [str(FILES)] * 2


def test_one_address_leaves_the_publisher_to_the_others(narrow: Holdfast):
    size = len(narrow.output.read_bytes())
    with idle_connections(narrow.publisher_url, LIMITS.publisher) as connections:
        wait_until(lambda: still_open(connections) <= LIMITS.publisher_share)
        other = httpx2.HTTPTransport(local_address=OTHER_ADDRESS)
        auth = ("admin", narrow.admin_password)
        with httpx2.Client(base_url=narrow.publisher_url + REST, transport=other, auth=auth, timeout=30) as client:
            assert client.get("/apis").status_code == 200
    assert len(narrow.output.read_bytes()) == size


def test_a_gateway_that_is_full_ends_more_connections_at_once(narrow: Holdfast, api: PublishedApi):
    with narrow.caller() as early:
        assert early.get(api.path).status_code == 200
        with idle_connections(narrow.gateway_url, LIMITS.gateway + 20) as connections:
            wait_until(lambda: still_open(connections) <= LIMITS.gateway)
            assert early.get(api.path).status_code == 200
            # The admin interface and tests of backends are not callers.
            response = narrow.rest.post("/apis/validate-endpoint", params={"endpointUrl": "http://127.0.0.1:9/"})
            assert response.status_code == 200
            assert "No gateway is connected" not in response.text
    wait_until(lambda: narrow.answers(api))


def test_large_unauthenticated_bodies_take_no_memory(narrow: Holdfast):
    body = bytes(2 * 1024 * 1024)
    with narrow.browser() as client:

        def post(number: int) -> int:
            path = (f"{REST}/endpoint-certificates", "/oauth2/token", "/sign-in", "/apis")[number % 4]
            return client.post(path, content=body, headers={"content-type": "application/json"}).status_code

        def post_many(count: int) -> set[int]:
            with ThreadPoolExecutor(40) as pool:
                return set(pool.map(post, range(count)))

        assert post_many(40) == {303, 401}  # starts what is there afterwards, such as worker threads
        before = memory(narrow.pid, "VmHWM")
        assert post_many(60) == {303, 401}
    assert memory(narrow.pid, "VmHWM") - before < 20 * 1024  # KiB, for at least 40 bodies of 2 MiB at once
