"""The access log of a gateway: what a line has, and that a file that can't be written stops nothing."""

import html
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from backends import V4, Backend
from issuing import issue
from running import Holdfast, PublishedApi, wait_until
from written_files import complete_lines

pytestmark = pytest.mark.envoy
IDENTITY = issue(V4)
WRITTEN_WITHIN = 40.0  # seconds: Envoy writes every second, and the agent looks every second


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("logging")


@pytest.fixture(scope="module")
def logging(directory: Path, server_environment: dict[str, str]) -> Iterator[Holdfast]:
    log = {
        "HOLDFAST_GATEWAY_ACCESS_LOG": str(directory / "logs" / "access.log"),
        "HOLDFAST_GATEWAY_ACCESS_LOG_SIZE": "1",
    }
    with Holdfast(directory, **server_environment, **log) as running:
        yield running


@pytest.fixture(scope="module")
def api(logging: Holdfast) -> Iterator[PublishedApi]:
    with Backend(IDENTITY) as backend:
        yield logging.publish_trusted_api(backend.url("/base"), IDENTITY.pem)


@pytest.fixture
def file(logging: Holdfast, api: PublishedApi, directory: Path) -> Path:
    """The log; its directory is created only once the API was called without one."""
    assert logging.call(f"{api.path}/unlogged").status_code == 200
    path = directory / "logs" / "access.log"
    path.parent.mkdir(exist_ok=True)
    wait_until(path.exists, WRITTEN_WITHIN)
    return path


def lines(file: Path, path: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, complete_lines(file)) if line["path"] == path]


def call_and_read(holdfast: Holdfast, file: Path, path: str, query: str = "", **headers: str) -> dict[str, Any]:
    """Call *path* until its line is in the file."""

    def find_lines() -> list[dict[str, Any]]:
        holdfast.call(path + query, headers=headers)
        return file.exists() and lines(file, path)

    return wait_until(find_lines, WRITTEN_WITHIN)[-1]


def test_a_line_has_the_request_and_its_backend_but_neither_query_nor_headers(
    logging: Holdfast, api: PublishedApi, file: Path
) -> None:
    secrets = {"authorization": "Bearer s3cret", "cookie": "session=s3cret", "x-api-key": "s3cret"}
    line = call_and_read(logging, file, f"{api.path}/orders", "?token=s3cret", **secrets)
    assert (line["api"], line["version"], line["environment"]) == (api.name, "1.0", "production")
    assert (line["method"], line["status"], line["details"]) == ("GET", 200, "via_upstream")
    assert line["upstream"].startswith(V4)
    assert line["client_ip"] == V4
    assert line["upstream_tls_version"] == "TLSv1.3"
    assert {"time", "request_id", "duration_ms", "backend_ms", "bytes_sent", "route", "attempts"} <= line.keys()
    assert "failure" not in line
    assert "s3cret" not in file.read_text()


def test_a_request_that_fails_has_the_code_and_the_id_that_the_caller_got(logging: Holdfast, file: Path) -> None:
    answer = logging.call("/nothing/here").json()
    line = wait_until(lambda: lines(file, "/nothing/here"), WRITTEN_WITHIN)[-1]
    assert (line["failure"], line["request_id"]) == ("not_found", answer["request_id"])


def test_prototypes_answer_with_their_examples_and_without_an_error(logging: Holdfast) -> None:
    api = logging.create_api()
    members = {"endpointImplementationType": "MOCKED_OAS", "operations": [{"target": "/pets", "verb": "GET"}]}
    assert logging.rest.put(f"/apis/{api.id}", json=members).status_code == 200
    logging.change_lifecycle(api, "Deploy as a Prototype")
    wait_until(lambda: logging.call(f"{api.path}/pets").status_code == 200)
    response = logging.call(f"{api.path}/pets")
    assert (response.text, response.headers.get("x-holdfast-error")) == ("", None)


def test_a_file_that_was_moved_is_created_again(logging: Holdfast, api: PublishedApi, file: Path) -> None:
    call_and_read(logging, file, f"{api.path}/before")
    file.rename(file.with_name("moved"))
    call_and_read(logging, file, f"{api.path}/after")
    assert lines(file.with_name("moved"), f"{api.path}/before")


def test_a_full_disk_stops_no_request(logging: Holdfast, api: PublishedApi, file: Path) -> None:
    # The agent would create a file that is missing, and may notice at once that it was replaced.
    link, full = logging.sockets / "access-log", file.with_name("full")
    before = link.lstat().st_ino, link.lstat().st_mtime_ns
    full.symlink_to("/dev/full")
    full.replace(file)

    def is_noticed() -> bool:
        with suppress(FileNotFoundError):  # between two links
            return (link.lstat().st_ino, link.lstat().st_mtime_ns) != before
        return False

    wait_until(is_noticed, WRITTEN_WITHIN)
    for _ in range(20):
        assert logging.call(f"{api.path}/lost").status_code == 200
    file.unlink()
    call_and_read(logging, file, f"{api.path}/found")


def test_a_large_file_is_rotated(logging: Holdfast, api: PublishedApi, file: Path) -> None:
    def call_until_rotated() -> bool:
        for _ in range(100):
            logging.call(f"{api.path}/{'x' * 2000}")
        return file.with_name("access.log.1").exists()

    wait_until(call_until_rotated, WRITTEN_WITHIN * 2)
    call_and_read(logging, file, f"{api.path}/rotated")
    assert file.with_name("access.log.1").stat().st_size >= 1024 * 1024


def test_a_file_that_cannot_be_written_is_a_problem_of_the_gateway(
    logging: Holdfast, api: PublishedApi, file: Path
) -> None:
    assert api.path

    def problems() -> list[dict[str, str]]:
        (gateway,) = logging.rest.get("/gateways").json()["list"]
        problems_of_gateway: list[dict[str, str]] = gateway["connection"]["report"]["problems"]
        return problems_of_gateway

    call_and_read(logging, file, f"{api.path}/before")
    wait_until(lambda: not problems(), WRITTEN_WITHIN)
    elsewhere = file.parent.rename(file.parent.with_name("elsewhere"))
    (problem,) = wait_until(problems, WRITTEN_WITHIN)
    assert problem["kind"] == "access-log"
    assert f"{file}: No such file or directory" in problem["message"]
    with logging.browser() as browser:
        browser.post("/sign-in", data={"name": "admin", "password": logging.admin_password})
        assert problem["message"] in html.unescape(browser.get("/gateways").text)
    elsewhere.rename(file.parent)
    wait_until(lambda: not problems(), WRITTEN_WITHIN)


def test_a_format_has_what_the_caller_sent_and_nothing_that_the_gateway_adds(logging: Holdfast, file: Path) -> None:
    """A text format, which applies from the next start on."""
    with Backend(IDENTITY) as backend:
        url = f"{backend.url('/base')}?key=f1xed"
        own_api = logging.publish_trusted_api(url, IDENTITY.pem)
        security = {"type": "apikey", "apiKeyIdentifier": "X-Auth", "apiKeyIdentifierType": "HEADER"}
        config = {
            "endpoint_type": "http",
            "production_endpoints": {"url": url},
            "endpoint_security": {"production": {**security, "apiKeyValue": "cr3dential"}},
        }
        logging.rest.put(f"/apis/{own_api.id}", json={"endpointConfig": config}).raise_for_status()
        names = ("x-auth", "x-envoy-original-path", "x-forwarded-host")
        headers = " ".join(f"{{header.{name}}}" for name in names)
        form = f"{{path}} {{query}} {{host}} {{user_agent}} {headers} end"
        logging.environment["HOLDFAST_GATEWAY_ACCESS_LOG_FORMAT"] = form
        logging.stop()
        file.unlink()
        logging.start()

        def received() -> bool:
            body = logging.call(
                f"{own_api.path}/all?a=b", headers={"host": "orders.example", "user-agent": "me"}
            ).json()
            headers = {name.lower(): value for name, value in body.get("headers", {}).items()}
            return headers.get("x-auth") == "cr3dential" and body["path"] == "/base/all?key=f1xed&a=b"

        wait_until(received)
        wait_until(lambda: file.exists() and f"{own_api.path}/all" in file.read_text(), WRITTEN_WITHIN)
        logging.call(f"{own_api.path}/sent?a=b", headers={"x-auth": "callers"})
        wait_until(lambda: any(f"{own_api.path}/sent" in line for line in complete_lines(file)), WRITTEN_WITHIN)
    text = file.read_text()
    assert f"{own_api.path}/all a=b orders.example me    end" in text
    assert f"{own_api.path}/sent a=b" in text
    assert "callers" in text
    assert "f1xed" not in text
    assert "cr3dential" not in text


def test_a_text_format_applies_from_the_next_start_on(logging: Holdfast, api: PublishedApi, file: Path) -> None:
    logging.environment["HOLDFAST_GATEWAY_ACCESS_LOG_FORMAT"] = "100% {method} {path}{query} {header.x-from} {status}"
    logging.stop()
    file.unlink()
    logging.start()

    def call_again() -> bool:
        logging.call(f"{api.path}/text?a=b", headers={"x-from": "here"})
        return f"100% GET {api.path}/texta=b here 200" in complete_lines(file)

    wait_until(lambda: file.exists() and call_again(), WRITTEN_WITHIN)
