"""A request that fails unexpectedly is logged once, with the ID in its response."""

import asyncio

import pytest
import structlog
from starlette.requests import Request

from databases import without
from holdfast.rest.errors import answer_unexpected_error
from holdfast.server.middleware.request_ids import RequestIds
from rest.calls import PREFIX
from serving import GET, publisher, until

SECRET = "a value that nobody may see"
CLOSING = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\nX-Request-Id: forged\r\n\r\n")


@pytest.fixture
def broken(runtime, connect, berta, storage):
    """A client of berta, whose APIs can't be read, and the log."""
    runtime.accounts.ensure_user("default", berta.name, "secret", runtime.now(), reset=False)
    client = connect(runtime)
    assert client.post("/sign-in", data={"name": berta.name, "password": "secret"}).status_code == 303
    with without(storage, "api"), structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        yield client, logs


def test_an_error_in_rest_has_the_id_of_its_log_line_in_header_and_body(broken):
    client, logs = broken
    answer = client.get(f"{PREFIX}/apis?query={SECRET}", headers={"x-request-id": "forged"})
    (entry,) = [record for record in logs if record["log_level"] == "error"]
    assert (answer.status_code, answer.json()["code"]) == (500, 500)
    request_id = answer.headers["x-request-id"]
    assert request_id == answer.json()["request_id"] == entry["request_id"] != "forged"
    assert request_id in answer.json()["description"]
    assert (entry["event"], entry["method"], entry["path"]) == ("request failed", "GET", f"{PREFIX}/apis")
    assert "no such table" not in answer.text
    assert SECRET not in str({name: value for name, value in entry.items() if name != "exc_info"})


def test_an_error_on_a_page_has_the_id_of_its_log_line_and_the_menu_of_the_user(broken, berta):
    client, logs = broken
    answer = client.get("/apis")
    (entry,) = [record for record in logs if record["log_level"] == "error"]
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert answer.headers["x-request-id"] == entry["request_id"]
    assert f"Request ID: <code>{entry['request_id']}</code>" in answer.text
    assert f"{berta.name}</span></a>" in answer.text
    assert "no such table" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_pages_of_errors_show_the_account_menu_to_those_who_have_signed_in(client):
    for path in ("/nothing/there", "/apis/none/endpoints"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert 'action="/sign-out"' in answer.text
    client.cookies.clear()
    assert 'action="/sign-out"' not in client.get("/nothing/there").text


def test_an_error_page_is_shown_although_the_database_cannot_be_read(runtime, connect, berta, storage):
    runtime.accounts.ensure_user("default", berta.name, "secret", runtime.now(), reset=False)
    client = connect(runtime)
    client.post("/sign-in", data={"name": berta.name, "password": "secret"})
    with without(storage, "session"):
        answer = client.get("/apis")
    assert (answer.status_code, "Request ID: " in answer.text) == (500, True)
    assert 'action="/sign-out"' not in answer.text


async def fail_at_once(_scope, _receive, _send):
    raise ValueError(SECRET)


async def fail_after_the_response(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
    raise ValueError(SECRET)


async def fail_within_the_response(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
    await send({"type": "http.response.body", "body": b"ok", "more_body": True})
    raise ValueError(SECRET)


async def read_the_body(scope, receive, _send):
    await Request(scope, receive).body()


@pytest.mark.parametrize(
    ("app", "status", "ours", "of_server"),
    [
        (fail_at_once, b"HTTP/1.1 500", ["request failed"], 0),
        (fail_after_the_response, b"HTTP/1.1 200", ["request failed"], 0),
        (fail_within_the_response, b"HTTP/1.1 200", [], 1),
    ],
)
def test_a_failure_outside_rest_and_pages_is_logged_once(app, status, ours, of_server, caplog):
    async def run():
        async with publisher(RequestIds(app, answer_unexpected_error)) as server:
            return await server.ask(CLOSING)

    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as logs:
        response = asyncio.run(run())
    assert response[:12] == status
    assert b"forged" not in response
    assert SECRET.encode() not in response
    assert [entry["event"] for entry in logs] == ours
    assert len(caplog.records) == of_server
    assert all(entry["request_id"].encode() in response for entry in logs)


def test_a_client_that_goes_away_is_not_an_error(caplog):
    async def run():
        async with publisher(RequestIds(read_the_body, answer_unexpected_error)) as server:
            _, writer = await server.connect()
            writer.write(CLOSING.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\nhalf"))
            await until(lambda: server.server.acceptor.open)
            writer.close()
            await until(lambda: not server.server.acceptor.open)

    with structlog.testing.capture_logs() as logs:
        asyncio.run(run())
    assert (logs, caplog.records) == ([], [])
