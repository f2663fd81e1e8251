"""What the publisher's server does with connections that are slow, long, many or ambiguous, and when it stops."""

import asyncio
import contextlib
import os
import resource
import socket
import ssl
import time
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
import structlog

from holdfast import connections, http_server
from holdfast.connections import network_of
from holdfast.http_server import MAX_HEAD, serving
from holdfast.limits import ConnectionLimits
from issuing import issue, server_context

LOOPBACK = (ip_network("127.0.0.0/8"),)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def say_ok(_scope, receive, send):
    message = await receive()
    assert message["type"] == "http.request"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Gate:
    """An app that answers when it is let on."""

    def __init__(self):
        self.entered, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.entered.set()
        await self.open.wait()
        await say_ok(scope, receive, send)


class Publisher:
    """A server in this process, and connections to it."""

    def __init__(self, server, address, stack):
        self.server, self.address, self._stack = server, address, stack

    async def connect(self, tls=None):
        """Connect; give reader and writer."""
        host = "127.0.0.1" if tls else None
        reader, writer = await asyncio.open_connection(*self.address, ssl=tls, server_hostname=host)
        self._stack.callback(writer.close)
        return reader, writer

    async def ask(self, request=GET):
        """Send a request over a new connection and give what comes until that ends, or until the answer is there."""
        reader, writer = await self.connect()
        writer.write(request)
        return await end_of(reader)


@asynccontextmanager
async def publisher(app=say_ok, *, total=50, share=50, tls=None, trusted=()):
    limits = ConnectionLimits(total, share, 0)
    with contextlib.ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        async with serving(app, listening, tls, limits, trusted) as server:
            yield Publisher(server, address, stack)


async def end_of(reader):
    """Read to the end of the connection, which may be a rude one."""
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b""


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - many events
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_connection_that_never_says_what_it_wants_is_ended(monkeypatch, begun):
    monkeypatch.setattr(http_server, "HEAD_WITHIN", 0.05)

    async def run():
        async with publisher() as server:
            return await server.ask(begun)

    assert asyncio.run(run()) == b""


def test_a_second_request_may_not_be_slow_either(monkeypatch):
    async def run():
        async with publisher() as server:
            reader, writer = await server.connect()
            writer.write(GET)
            first = await reader.readuntil(b"ok")
            monkeypatch.setattr(http_server, "HEAD_WITHIN", 0.05)
            writer.write(b"GET / HT")
            return first, await end_of(reader)

    first, second = asyncio.run(run())
    assert (first.startswith(b"HTTP/1.1 200"), second) == (True, b"")


def test_a_client_that_does_not_take_its_answer_is_ended(monkeypatch):
    monkeypatch.setattr(http_server, "TAKEN_WITHIN", 0.05)

    async def send_much(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"33554432")]})
        for _ in range(512):
            await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})

    async def run():
        async with publisher(send_much) as server:
            _, writer = await server.connect()
            writer.transport.pause_reading()
            writer.write(GET)
            await until(lambda: server.server.acceptor.open)
            await until(lambda: not server.server.acceptor.open)

    asyncio.run(run())


def test_headers_that_are_too_long_are_refused():
    async def run():
        async with publisher() as server:
            reader, writer = await server.connect()
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * (MAX_HEAD + 1))
            return await asyncio.wait_for(reader.readline(), 5)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 400")


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
def test_what_two_readers_could_take_for_different_requests_is_refused_and_the_connection_ends(request_head):
    async def run():
        async with publisher() as server:
            return await server.ask(request_head + GET)

    answers = asyncio.run(run())
    assert answers.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")), answers
    assert answers.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answers.lower()


def test_an_ambiguous_head_is_refused_in_pieces_and_behind_other_requests_too():
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


def test_an_address_gets_its_share_of_the_connections_and_a_trusted_proxy_all():
    async def run(trusted):
        async with publisher(total=8, share=2, trusted=trusted) as server:
            held = [await server.connect() for _ in range(6)]
            await until(lambda: len(server.server.acceptor.open) == (6 if trusted else 2))
            refused = [await end_of(reader) for reader, _ in held[2:]] if not trusted else []
            for _, writer in held:
                writer.close()
            await until(lambda: not server.server.acceptor.open)
            return refused, (await server.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))[:12]

    assert asyncio.run(run(())) == ([b""] * 4, b"HTTP/1.1 200")
    assert asyncio.run(run(LOOPBACK)) == ([], b"HTTP/1.1 200")


def test_connections_beyond_the_limit_end_at_once_trusted_or_not():
    async def run():
        async with publisher(total=2, share=2, trusted=LOOPBACK) as server:
            held = [await server.connect() for _ in range(3)]
            return await end_of(held[2][0])

    assert asyncio.run(run()) == b""


@pytest.mark.parametrize(
    ("host", "owner"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_ipv6_host_is_its_64_network(host, owner):
    assert network_of(host) == owner


def test_a_connection_counts_before_its_handshake_which_must_end_in_time(monkeypatch):
    monkeypatch.setattr(connections, "HANDSHAKE_WITHIN", 0.2)
    issued = issue("127.0.0.1")
    client = ssl.create_default_context(cadata=issued.pem.decode())

    async def run():
        async with publisher(total=3, share=2, tls=server_context(issued)) as server:
            silent = [await server.connect() for _ in range(2)]
            with pytest.raises(OSError):  # noqa: PT011 - one of several kinds
                await server.connect(client)
            ends = [await end_of(reader) for reader, _ in silent]
            reader, writer = await server.connect(client)
            writer.write(GET)
            return ends, await reader.readuntil(b"ok")

    ends, answered = asyncio.run(run())
    assert (ends, answered[:12]) == ([b"", b""], b"HTTP/1.1 200")


def test_connections_without_a_handshake_cost_little_memory():
    def resident():
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    async def run():
        async with publisher(total=400, share=400, tls=server_context(issue("127.0.0.1"))) as server:
            held = [await server.connect() for _ in range(100)]  # what is set up once
            before = resident()
            held += [await server.connect() for _ in range(300)]
            await until(lambda: len(server.server.acceptor.open) == len(held))
            return (resident() - before) / 300

    assert asyncio.run(run()) < 150  # KiB each, those of this client included


def test_without_files_connections_wait_and_are_served_later(monkeypatch):
    monkeypatch.setattr(connections, "PAUSE_WITHOUT_FILES", 0.02)

    async def run():
        async with publisher() as server:
            with structlog.testing.capture_logs() as logs, socket.socket() as ours, fewest_files():
                ours.connect(server.address)
                await until(lambda: len(logs) > 1)
                assert not server.server.acceptor.open
            return await server.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    assert asyncio.run(run()).startswith(b"HTTP/1.1 200")


@contextlib.contextmanager
def fewest_files():
    """Let this process open no more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(lowest := os.dup(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_drained_server_answers_what_is_in_flight_and_nothing_else():
    async def run():
        app = Gate()
        async with publisher(app) as server:
            idle, _ = await server.connect()
            reader, writer = await server.connect()
            writer.write(GET)
            await app.entered.wait()
            draining = asyncio.create_task(server.server.drain(5))
            assert await end_of(idle) == b""
            with pytest.raises(ConnectionRefusedError):
                await server.connect()
            assert not draining.done()
            app.open.set()
            answered = await end_of(reader)
            await draining
            return answered

    answered = asyncio.run(run())
    assert answered.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answered
    assert answered.endswith(b"ok")


def test_draining_ends_at_its_time_and_events_do_not_hold_it_up():
    async def run(head, within):
        app = Gate()
        async with publisher(app) as server:
            _, writer = await server.connect()
            writer.write(head)
            await app.entered.wait()
            begin = time.monotonic()
            await server.server.drain(within)
            return time.monotonic() - begin

    assert asyncio.run(run(GET, 0.1)) >= 0.1
    events = GET.replace(b"\r\n\r\n", b"\r\nAccept: text/event-stream\r\n\r\n")
    assert asyncio.run(run(events, 60)) < 30


def test_a_connection_in_its_handshake_does_not_hold_up_draining():
    async def run():
        async with publisher(tls=server_context(issue("127.0.0.1"))) as server:
            reader, _ = await server.connect()
            await until(lambda: server.server.acceptor.open)
            await server.server.drain(60)
            return await end_of(reader)

    assert asyncio.run(run()) == b""
