"""What the publisher's server does with connections that are slow, long or many."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from holdfast import http_server
from holdfast.http_server import MAX_HEAD, serving


async def say_ok(_scope, receive, send):
    message = await receive()
    assert message["type"] == "http.request"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def connected():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with serving(say_ok, listening, None):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            try:
                yield reader, writer
            finally:
                writer.close()


async def answered(reader):
    """Read to the end of the connection, which may be a rude one."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_connection_that_never_says_what_it_wants_is_ended(monkeypatch, begun):
    monkeypatch.setattr(http_server, "HEAD_WITHIN", 0.05)

    async def run():
        async with connected() as (reader, writer):
            writer.write(begun)
            return await asyncio.wait_for(answered(reader), 5)

    assert asyncio.run(run()) == b""


def test_a_second_request_may_not_be_slow_either(monkeypatch):
    async def run():
        async with connected() as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            first = await reader.readuntil(b"ok")
            monkeypatch.setattr(http_server, "HEAD_WITHIN", 0.05)
            writer.write(b"GET / HT")
            return first, await asyncio.wait_for(answered(reader), 5)

    first, second = asyncio.run(run())
    assert (first.startswith(b"HTTP/1.1 200"), second) == (True, b"")


def test_headers_that_are_too_long_are_refused():
    async def run():
        async with connected() as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * (MAX_HEAD + 1))
            return await asyncio.wait_for(reader.readline(), 5)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 400")


def test_more_connections_than_there_may_be_are_told_to_come_back(monkeypatch):
    monkeypatch.setattr(http_server, "MAX_CONNECTIONS", 1)

    async def run():
        async with connected() as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            return await asyncio.wait_for(reader.readline(), 5)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 503")
