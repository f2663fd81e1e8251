"""Limits on concurrent requests of one user and from one address."""

import asyncio
from collections import Counter

import pytest

from holdfast.refusals import Busy
from holdfast.rest.errors import refuse
from holdfast.server.middleware.concurrency_limit import ConcurrencyLimit, Lines
from holdfast.services.access.accounts import SESSION_COOKIE


class Door:
    """Requests to an application that responds when the test lets it."""

    def __init__(self, of_user=2, of_address=3, waiting=0, content_type="text/plain"):
        self.working = Counter()
        self.ends = asyncio.Event()
        self.content_type = content_type
        self.limit = ConcurrencyLimit(self.app, refuse, of_user, of_address, waiting)

    async def app(self, scope, receive, send):
        del receive
        if scope["headers"]:
            try:
                await scope["state"]["count_as"](scope["path"])
            except Busy:
                await send({"type": "http.response.start", "status": 503, "headers": []})
                return
        self.working[scope["path"]] += 1
        headers = [(b"content-type", self.content_type.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.ends.wait()

    def ask(self, path="/", client="192.0.2.1", **headers):
        async def send(message):
            responses.append((message.get("status"), dict(message.get("headers", []))))

        async def request():
            await self.limit(scope, None, send)
            return responses[0]

        responses = []
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "GET", "path": path, "scheme": "http", "headers": raw, "client": (client, 1)}
        return asyncio.create_task(request())


def play(story, **door):
    async def run():
        return await asyncio.wait_for(story(Door(**door)), 60)

    return asyncio.run(run())


async def settle():
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_user_with_too_many_concurrent_requests_gets_503_and_others_do_not():
    async def story(door):
        for _ in range(2):
            door.ask(authorization="Bearer one")
        await settle()
        status, headers = await door.ask(authorization="Bearer one")
        assert (status, headers[b"retry-after"]) == (503, b"2")
        door.ask("/other", cookie=f"{SESSION_COOKIE}=two")
        await settle()
        assert door.working == {"/": 2, "/other": 1}
        door.ends.set()
        await settle()
        assert (await door.ask(authorization="Bearer one"))[0] == 200

    play(story)


def test_an_address_has_a_limit_whatever_its_credentials():
    async def story(door):
        for number in range(3):
            door.ask(client=f"2001:db8::{number}", **{"authorization": f"Bearer {number}"} if number else {})
        await settle()
        assert (await door.ask(client="2001:db8::ffff"))[0] == 503
        door.ask("/other", client="2001:db8:0:1::1")
        await settle()
        assert door.working == {"/": 3, "/other": 1}

    play(story)


def test_verified_credentials_count_for_their_user():
    async def story(door):
        door.ends.set()
        for number in range(3):
            assert (await door.ask(authorization=f"Bearer {number}"))[0] == 200
        door.ends.clear()
        for number in range(2):
            door.ask(authorization=f"Bearer {number}")
        await settle()
        assert (await door.ask(authorization="Bearer 2"))[0] == 503

    play(story)


def test_new_credentials_count_for_their_user_after_authentication():
    async def story(door):
        for number in range(5):
            door.ask(client=f"192.0.2.{number}", authorization=f"Bearer {number}")
        await settle()
        assert door.working["/"] == 2
        assert (await door.ask(client="192.0.2.9", cookie=f"{SESSION_COOKIE}=new"))[0] == 503

    play(story)


def test_requests_wait_for_their_turn_in_order_of_arrival():
    async def story(door):
        requests = [door.ask(authorization="Bearer one") for _ in range(5)]
        await settle()
        assert door.working["/"] == 2
        assert (await door.ask(authorization="Bearer one"))[0] == 503
        door.ends.set()
        assert [status for status, _ in await asyncio.gather(*requests)] == [200] * 5

    play(story, waiting=3)


def test_events_count_only_until_they_begin():
    async def story(door):
        for _ in range(9):
            door.ask(authorization="Bearer one")
        await settle()
        assert door.working["/"] == 9

    play(story, waiting=9, content_type="text/event-stream; charset=utf-8")


def test_waiting_is_limited_and_leaves_nothing_behind():
    async def story(_):
        lines = Lines(1, 5, patience=0.01)
        async with lines.turn("one"):
            with pytest.raises(Busy):
                async with lines.turn("one"):
                    pass
        async with lines.turn("one"):
            pass
        assert len(lines) == 0

    play(story)
