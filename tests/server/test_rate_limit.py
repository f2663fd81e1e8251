"""Rate limits of users and addresses."""

import asyncio

from holdfast.rest.errors import refuse
from holdfast.server.middleware.host_cookie import PREFIX
from holdfast.server.middleware.rate_limit import BURST, USERS_OF_AN_ADDRESS, RateLimit
from holdfast.services.access.accounts import SESSION_COOKIE
from holdfast.work import buckets as token_buckets
from holdfast.work.buckets import Buckets
from rest.calls import APIS

RATE = 2.0
AT_ONCE = int(RATE * BURST)


class Time:
    """A clock that the test advances."""

    now = 0.0

    def __call__(self):
        return self.now


def ask(limit, client="192.0.2.1", **headers):
    """Send a request and return the status and Retry-After of the response."""
    response = {}

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        if message["type"] == "http.response.start":
            response.update(status=message["status"], **{k.decode(): v.decode() for k, v in message["headers"]})

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": "http", "headers": raw, "client": (client, 1)}
    asyncio.run(limit(scope, receive, send))
    return response["status"], response.get("retry-after")


def make(clock):
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    return RateLimit(app, refuse, RATE, clock)


def test_a_user_has_a_burst_and_then_a_rate_per_second():
    clock = Time()
    limit = make(clock)
    assert {ask(limit, authorization="Bearer one")[0] for _ in range(AT_ONCE)} == {200}
    assert ask(limit, authorization="Bearer one") == (429, "1")
    clock.now += 1 / RATE
    assert ask(limit, authorization="Bearer one")[0] == 200
    assert ask(limit, authorization="Bearer one")[0] == 429


def test_no_user_can_use_up_the_limit_of_another():
    limit = make(Time())
    for _ in range(AT_ONCE + 1):
        last = ask(limit, authorization="Bearer one")
    assert last[0] == 429
    assert ask(limit, authorization="Bearer two")[0] == 200
    assert ask(limit, cookie=f"{SESSION_COOKIE}=three")[0] == 200


def test_other_credentials_next_to_a_session_do_not_reset_its_limit():
    limit = make(Time())
    for number in range(AT_ONCE):
        assert ask(limit, cookie=f"x={number}; {PREFIX}{SESSION_COOKIE}=token")[0] == 200
    assert ask(limit, cookie=f"{PREFIX}{SESSION_COOKIE}=token")[0] == 429
    for number in range(AT_ONCE):
        assert ask(limit, authorization=f"{'BASIC' if number % 2 else 'basic'} token")[0] == 200
    assert ask(limit, authorization="Basic token")[0] == 429


def test_an_address_has_a_limit_whatever_its_credentials():
    limit = make(Time())
    for number in range(AT_ONCE * USERS_OF_AN_ADDRESS):
        assert ask(limit, authorization=f"Bearer {number}")[0] == 200
    assert ask(limit, authorization="Bearer another") == (429, "1")
    assert ask(limit, client="192.0.2.2", authorization="Bearer another")[0] == 200


def test_an_ipv6_host_is_one_address():
    limit = make(Time())
    for number in range(AT_ONCE * USERS_OF_AN_ADDRESS):
        assert ask(limit, client=f"2001:db8::{number:x}")[0] == 200
    assert ask(limit, client="2001:db8::ffff:ffff")[0] == 429
    assert ask(limit, client="2001:db8:0:1::1")[0] == 200


def test_the_number_of_buckets_is_limited(monkeypatch):
    monkeypatch.setattr(token_buckets, "MAX_KEYS", 3)
    buckets = Buckets(1, 1, Time())
    for key in "abcabcd":
        buckets.take(key)
    assert buckets.take("d") > 0
    assert buckets.take("a") == 0  # its bucket was removed


def test_a_rate_limit_error_has_the_format_of_all_errors(runtime, connect):
    client = connect(runtime, requests_per_second=0.001)  # the first request takes all that there is for minutes
    assert client.get("/sign-in").status_code == 200
    response = client.get(APIS)
    assert (response.status_code, response.json()["type"]) == (429, "/problems/too-many-requests")
    assert int(response.headers["retry-after"]) > 1
    assert response.headers["cache-control"] == "no-store"
    page = client.get("/sign-in")
    assert (page.status_code, "<h1>Too Many Requests</h1>" in page.text) == (429, True)
    assert int(page.headers["retry-after"]) > 1
