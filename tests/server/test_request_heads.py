"""Ambiguous requests, which a proxy in front of the publisher could read differently, are rejected."""

import asyncio

import pytest

from serving import GET, end_of, publisher

POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "request_head",
    [
        POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
        POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        POST + b"Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello",
        POST + b"Content-Length: 5, 5\r\n\r\nhello",
        POST + b"Content-Length: +5\r\n\r\nhello",
        POST + b"Content-Length: 0x5\r\n\r\nhello",
        POST + b"Content-Length:\r\n\r\n",
        POST + b"Content-Length : 5\r\n\r\nhello",
        POST + b"Transfer-Encoding: identity\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
        POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n",
        POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n\tb\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\nX-B: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\n",
        b"GET / HTTP/1.1\r\nHost: x\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\rX-B: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        POST + CHUNKED + b"\r\n5\r\nhelloX\r\n0\r\n\r\n",
        POST + CHUNKED + b"\r\n-1\r\n\r\n",
    ],
)
def test_ambiguous_requests_are_rejected_and_the_connection_is_closed(request_head):
    async def run():
        async with publisher() as server:
            return await server.ask(request_head + GET)

    answers = asyncio.run(run())
    assert answers.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")), answers
    assert answers.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answers.lower()


def test_an_ambiguous_head_is_rejected_in_pieces_and_after_other_requests():
    bad = POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n"

    async def run():
        async with publisher() as server:
            reader, writer = await server.connect()
            for byte in bad:
                writer.write(bytes([byte]))
                await writer.drain()
            return await end_of(reader), await server.ask(GET + bad)

    in_pieces, behind = asyncio.run(run())
    assert in_pieces.startswith(b"HTTP/1.1 400")
    assert behind.startswith(b"HTTP/1.1 200")
    assert b"okHTTP/1.1 400" in behind
