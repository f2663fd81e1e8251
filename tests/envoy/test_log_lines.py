"""Log lines and readiness of a real Holdfast in which things go wrong."""

import json
import os
import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from running import REST, Holdfast, is_running, wait_until
from written_files import complete_lines

pytestmark = pytest.mark.envoy
SECRET = "a-value-that-nobody-may-see"


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Holdfast]:
    directory = tmp_path_factory.mktemp("logs")
    own = Holdfast(directory, HOLDFAST_LOG_LEVEL="debug")
    own.errors = directory / "errors"
    with own as running:
        yield running


def events(holdfast: Holdfast) -> list[dict[str, Any]]:
    """Read all that was written to standard error."""
    return [json.loads(line) for line in complete_lines(holdfast.errors)]


def ask(holdfast: Holdfast, path: str) -> httpx2.Response:
    with holdfast.browser(auth=("admin", holdfast.admin_password)) as client:
        return client.get(path)


def test_an_envoy_that_stops_answering_is_not_ready_and_counts_again_later(holdfast: Holdfast) -> None:
    envoy = holdfast.envoy
    os.kill(envoy, signal.SIGSTOP)
    try:
        wait_until(lambda: ask(holdfast, "/readyz").status_code == 503, within=60)
        assert ask(holdfast, "/readyz").json()["failing"] == ["gateway"]
        assert "holdfast_gateways_connected 0.0" in ask(holdfast, "/metrics").text
    finally:
        os.kill(envoy, signal.SIGCONT)
    wait_until(lambda: ask(holdfast, "/readyz").status_code == 200, within=60)
    assert "holdfast_gateways_connected 1.0" in ask(holdfast, "/metrics").text


def test_errors_are_logged_as_json_with_their_request_id(holdfast: Holdfast) -> None:
    parts = urlsplit(holdfast.publisher_url)
    for request in (b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"):
        with socket.create_connection((parts.hostname, parts.port)) as connection:
            connection.sendall(request)
    envoy = holdfast.envoy
    os.kill(envoy, signal.SIGKILL)
    wait_until(lambda: not is_running(envoy))
    wait_until(lambda: any(event["event"] == "gateway process ended" for event in events(holdfast)))
    with closing(sqlite3.connect(holdfast.data / "holdfast.sqlite", timeout=30)) as database:
        database.execute("ALTER TABLE api RENAME TO gone")
        database.commit()
        answers = [ask(holdfast, f"{path}?query={SECRET}") for path in (f"{REST}/apis", "/failures", f"{REST}/search")]
        database.execute("ALTER TABLE gone RENAME TO api")
        database.commit()
    ids = [answer.headers["x-request-id"] for answer in answers if answer.status_code == 500]
    assert ids

    def failures() -> list[dict[str, Any]]:
        return [event for event in events(holdfast) if event["event"] == "request failed"]

    wait_until(lambda: [failure["request_id"] for failure in failures()] == ids)
    assert all("Traceback" in failure["exception"] for failure in failures())
    wait_until(lambda: ask(holdfast, "/readyz").status_code == 200, within=60)


def test_all_log_lines_are_json_without_secrets(holdfast: Holdfast) -> None:
    holdfast.stop()
    assert events(holdfast)
    assert SECRET not in holdfast.errors.read_text()
    assert holdfast.admin_password not in holdfast.errors.read_text()
    assert all(line.startswith(("Ready: ", "Stopping: ")) for line in holdfast.output.read_text().splitlines())
