"""Requests that are rejected early get the format of their application: problems in REST, pages elsewhere."""

import pytest
from starlette.requests import Request

from holdfast.rest.errors import BUSY
from holdfast.server.middleware.bodies import MAX_BODY
from holdfast.server.middleware.concurrency_limit import ConcurrencyLimit
from rest.calls import APIS, assert_problem

UPLOAD = "/apis/1/new-certificate"
FOREIGN = {"sec-fetch-site": "cross-site"}
HTMX = {"hx-request": "true"}


def send_too_much(client, path, headers=None):
    return client.post(path, content=bytes(MAX_BODY + 1), headers=headers)


def send_from_a_foreign_page(client, path, headers=None):
    return client.post(path, headers=FOREIGN | (headers or {}))


def refuse_all(monkeypatch):
    async def refuse(self, scope, receive, send):
        response = await self._refuse(Request(scope), BUSY, "Too many.", {"Retry-After": "2"})
        await response(scope, receive, send)

    monkeypatch.setattr(ConcurrencyLimit, "__call__", refuse)


def fail_all(monkeypatch):
    async def fail(*_):
        raise ValueError("secret")

    monkeypatch.setattr(ConcurrencyLimit, "__call__", fail)


REFUSALS = {
    send_too_much: (413, "Content Too Large", "The request is larger than 2048 KiB."),
    send_from_a_foreign_page: (403, "Forbidden", "The request came from a page of another origin."),
}


@pytest.mark.parametrize(("send", "expected"), REFUSALS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_programs_get_problems_and_people_get_pages(client, send, expected):
    status, title, text = expected
    assert_problem(send(client, APIS), status, says=text)
    assert_page(send(client, UPLOAD), status, title, text)


def assert_page(response, status, title, text):
    """Check that *response* is a complete error page."""
    assert response.status_code == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text.startswith("<!doctype html>")
    assert f"<h1>{title}</h1>" in response.text
    assert text in response.text
    assert response.headers["cache-control"] == "no-store"


def test_too_many_concurrent_requests_get_a_page_with_retry_after(client, monkeypatch):
    refuse_all(monkeypatch)
    assert_problem(client.get(APIS), 503, says="Too many.")
    response = client.get("/apis")
    assert_page(response, 503, "Service Unavailable", "Too many.")
    assert response.headers["retry-after"] == "2"


def test_an_unexpected_error_is_a_page_with_the_request_id(client, monkeypatch):
    fail_all(monkeypatch)
    response = client.get("/apis")
    assert_page(response, 500, "Unexpected error", response.headers["x-request-id"])
    assert "secret" not in response.text
    problem = client.get(APIS)
    assert problem.json()["request_id"] == problem.headers["x-request-id"]


@pytest.mark.parametrize(
    ("target", "retarget"),
    [("form", ".dialog-body"), ("div#inspection", None), ("dialog#dialog", None)],
)
def test_a_dialog_shows_the_error_and_keeps_the_input(client, target, retarget):
    response = send_too_much(client, UPLOAD, HTMX | {"hx-target": target})
    assert (response.status_code, response.headers.get("hx-retarget")) == (413, retarget)
    assert "<html" not in response.text
    assert 'role="alert"' in response.text
    assert ("dialog-title" in response.text) == (target == "dialog#dialog")


def test_a_polled_part_of_a_page_is_kept_after_an_error(client, monkeypatch):
    refuse_all(monkeypatch)
    response = client.get("/apis", headers=HTMX | {"hx-target": "span"})
    assert (response.status_code, response.headers["hx-reswap"], response.text) == (503, "none", "")
