"""Limits on the size, time and number of request bodies, and on who may send large ones."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse

from holdfast.rest.errors import refuse
from holdfast.server.middleware.bodies import MAX_BODY, SMALL_BODY, BodyLimit
from holdfast.work.shares import Shares
from issuing import issue
from rest.calls import APIS, CERTIFICATES, api_body, assert_problem, upload

LARGE = b"x" * (SMALL_BODY + 1)


async def anna(_request):
    return "anna"


async def nobody(_request):
    return PlainTextResponse("Who are you?", 401)


def parts(*pieces):
    """Return the messages of a body that arrives in *pieces*."""
    return [
        {"type": "http.request", "body": piece, "more_body": place < len(pieces)}
        for place, piece in enumerate(pieces, start=1)
    ]


class Door:
    """An app behind the body limit, which records the bodies that it gets."""

    def __init__(self, identify=nobody, large=None, **options):
        self.came = []
        self.app = BodyLimit(self, refuse, identify, large or Shares(1, 1), **options)

    async def __call__(self, _scope, receive, send):
        self.came.append(await receive())
        await PlainTextResponse("ok")({"type": "http"}, receive, send)

    async def ask(self, messages, **headers):
        """Send a request and give the start of its answer, None without one; *messages* are taken from the front."""
        sent_messages = []

        async def receive():
            if not messages:
                await asyncio.Event().wait()
            return messages.pop(0)

        async def send(message):
            sent_messages.append(message)

        fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": fields}
        await self.app(scope, receive, send)
        return sent_messages[0] if sent_messages else None

    def status(self, messages, **headers):
        """Send a request and give the status of its answer."""
        start = asyncio.run(self.ask(messages, **headers))
        return start and start["status"]


def test_pieces_become_one_body():
    door = Door()
    assert door.status(parts(b"12345", b"12345")) == 200
    assert door.came == parts(b"1234512345")


def test_an_incomplete_body_is_never_passed_on():
    door = Door()
    assert door.status([*parts(b"12345", b"")[:1], {"type": "http.disconnect"}]) is None
    assert door.came == []


def test_a_body_of_one_byte_too_many_is_rejected():
    door = Door(limit=10)
    assert (door.status(parts(bytes(11))), door.came) == (413, [])
    assert (door.status(parts(bytes(11)), content_length="11"), door.came) == (413, [])


def test_a_slow_body_is_rejected():
    door = Door(within=0.02)
    assert (door.status(parts(b"1", b"")[:1], content_length="2"), door.came) == (408, [])


@pytest.mark.parametrize("headers", [{}, {"content_length": str(len(LARGE) * 3)}])
def test_a_large_body_is_read_only_from_a_user(headers):
    door = Door(anna)
    assert door.status(parts(LARGE, LARGE, LARGE), **headers) == 200
    assert door.came == parts(LARGE * 3)
    stranger, messages = Door(nobody), parts(LARGE, LARGE, LARGE)
    assert (stranger.status(messages, **headers), stranger.came) == (401, [])
    assert messages == []  # the body was read, so that the client reads the response


def test_a_client_that_expects_100_continue_is_rejected_without_its_body():
    door = Door(nobody)
    start = asyncio.run(door.ask([], content_length=str(MAX_BODY), expect="100-continue"))
    assert (start["status"], door.came) == (401, [])
    assert (b"connection", b"close") in start["headers"]


def test_the_number_of_large_bodies_is_limited_and_freed_again():
    large = Shares(1, 1)
    for _ in range(2):
        assert Door(anna, large).status(parts(LARGE)) == 200
        assert Door(anna, large, limit=len(LARGE)).status(parts(LARGE, b"x")) == 413
    assert large.take("another user")
    door = Door(anna, large)
    assert (door.status(parts(LARGE)), door.status(parts(b"small"))) == (503, 200)


def test_shares_are_limited_for_each_holder_and_in_total():
    shares = Shares(5, 2)
    assert [shares.take("a") for _ in range(3)] == [True, True, False]
    assert [shares.take("b", unbounded=True) for _ in range(4)] == [True, True, True, False]
    shares.give_back("a")
    assert [shares.take("c"), shares.take("c")] == [True, False]


@pytest.mark.parametrize("path", [APIS, CERTIFICATES, "/oauth2/token", "/client-registration/v0.17/register"])
def test_rest_responds_401_to_a_large_body_without_credentials(connect, shared_runtime, path):
    stranger = connect(shared_runtime)
    response = stranger.post(path, content=bytes(MAX_BODY))
    assert_problem(response, 401)
    assert "Basic" in response.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/sign-in", "/apis", "/account/password"])
def test_pages_redirect_a_large_body_without_a_session_to_the_sign_in(connect, shared_runtime, path):
    stranger = connect(shared_runtime)
    for content in ({"content": bytes(MAX_BODY)}, {"files": {"certificate": ("a.pem", bytes(SMALL_BODY))}}):
        response = stranger.post(path, **content)
        assert (response.status_code, response.headers["location"].split("?")[0]) == (303, "/sign-in")


def test_users_send_large_bodies_by_session_and_by_password(client, connect, shared_runtime, berta, password):
    body = api_body(unknown="x" * SMALL_BODY)
    assert client.post(APIS, json=body).status_code == 201
    script = connect(shared_runtime)
    file = LARGE + b"\n" + issue("pizza.test").pem
    assert upload(script, file, auth=(berta.name, password)).status_code == 201
    assert_problem(upload(script, file, auth=(berta.name, "wrong")), 401)
