"""A user who requests as much work as possible delays neither others nor the shutdown."""

import asyncio
import base64
import json
from collections import Counter
from time import monotonic

import httpx2
import pytest

from holdfast.server.middleware.concurrency_limit import MAX_WAITING, OF_USER
from holdfast.services.access.attempts import FREE
from running import NO_TLS, REST, Holdfast

pytestmark = pytest.mark.envoy
MANY = OF_USER + MAX_WAITING + 20
AHEAD = 2 * OF_USER  # costly answers that another user's request may wait for, even on a slow machine
# Thousands of errors, all of which were made; it takes a third of a second still.
WRONG = json.dumps(
    {"openapi": "3.0.3", "info": {"title": "a", "version": "1"}, "paths": {f"/{n}": {"get": {}} for n in range(50_000)}}
).encode()


@pytest.fixture(scope="module")
def holdfast(tmp_path_factory):
    with Holdfast(tmp_path_factory.mktemp("occupied"), HOLDFAST_TRUSTED_PROXIES="127.0.0.0/8") as running:
        assert running.rest.get("/apis").status_code == 200  # from here on, the password is known
        yield running


def client_at(holdfast, address, user="admin", password=""):
    """Make a client of REST that a proxy says is at *address*."""
    credentials = base64.b64encode(f"{user}:{password or holdfast.admin_password}".encode()).decode()
    headers = {"X-Forwarded-For": address, "Authorization": f"Basic {credentials}"}
    limits = httpx2.Limits(max_connections=None)
    url = holdfast.publisher_url + REST
    return httpx2.AsyncClient(base_url=url, headers=headers, verify=NO_TLS, timeout=60, limits=limits)


async def most_ahead(holdfast, work, status, is_enough):
    """
    Send requests as another user until *work* is done or *is_enough* returns true.

    Return how many costly requests of *work* were answered with *status* while one of these was waiting.
    """
    most = 0
    async with client_at(holdfast, "192.0.2.2") as other, asyncio.timeout(60):
        while not (is_enough() or all(task.done() for task in work)):
            before = count_answers(work, status)
            assert (await other.get("/apis")).status_code == 200
            most = max(most, count_answers(work, status) - before)
    return most


def count_answers(work, status):
    """Count the requests of *work* that have been answered with *status*."""
    return sum(task.done() and task.exception() is None and task.result().status_code == status for task in work)


def test_concurrent_wrong_passwords_are_limited_and_do_not_delay_others(holdfast):
    async def guess():
        # An IPv6 host has addresses without number.
        clients = [client_at(holdfast, f"2001:db8::{n:x}", f"nobody{n}", "wrong") for n in range(100)]
        work = [asyncio.create_task(client.get("/apis")) for client in clients]
        ahead = await most_ahead(holdfast, work, 401, lambda: False)
        answers = await asyncio.gather(*work)
        for client in clients:
            await client.aclose()
        return ahead, [answer.status_code for answer in answers]

    ahead, statuses = asyncio.run(guess())
    assert FREE < statuses.count(401) < FREE + 5  # one more after a second, the next after two
    assert set(statuses) - {503} == {401, 429}  # 503: a busy machine has no room for so many at once
    assert ahead <= AHEAD


def test_concurrent_work_does_not_delay_others_or_the_shutdown(holdfast):
    viewer = {"name": "viewer", "password": "a viewer of many words", "roles": ["viewer"]}
    assert holdfast.rest.post("/users", json=viewer).status_code == 201

    async def occupy():
        async with client_at(holdfast, "192.0.2.1", viewer["name"], viewer["password"]) as client:
            work = [
                asyncio.create_task(client.post("/apis/validate-openapi", files={"file": WRONG})) for _ in range(MANY)
            ]

            def is_enough():
                return count_answers(work, 200) > OF_USER and count_answers(work, 503) >= 20

            ahead = await most_ahead(holdfast, work, 200, is_enough)
            begin = monotonic()
            await asyncio.to_thread(holdfast.stop)
            return ahead, monotonic() - begin, await asyncio.gather(*work, return_exceptions=True)

    ahead, to_end, answers = asyncio.run(occupy())
    statuses = Counter(answer.status_code for answer in answers if isinstance(answer, httpx2.Response))
    assert ahead <= AHEAD
    assert to_end < 12
    assert statuses[503] >= 20
