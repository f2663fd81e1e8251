"""The publisher's server with slow, long-lived or too many connections, and while it drains."""

import asyncio
import contextlib
import os
import resource
import socket
import ssl
import time
from ipaddress import ip_network
from pathlib import Path

import pytest
import structlog

from holdfast.server.http import connections
from holdfast.server.http import server as http_server
from holdfast.server.http.server import MAX_HEAD
from issuing import issue, server_context
from serving import GET, end_of, publisher, say_ok, until

LOOPBACK = (ip_network("127.0.0.0/8"),)


class Gate:
    """An app that responds when the test lets it."""

    def __init__(self):
        self.entered, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.entered.set()
        await self.open.wait()
        await say_ok(scope, receive, send)


@pytest.mark.parametrize("beginning", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_connection_without_a_request_is_closed(monkeypatch, beginning):
    monkeypatch.setattr(http_server, "HEAD_WITHIN", 0.05)

    async def run():
        async with publisher() as server:
            return await server.ask(beginning)

    assert asyncio.run(run()) == b""


def test_a_slow_second_request_is_closed(monkeypatch):
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


def test_a_client_that_does_not_read_its_response_is_closed(monkeypatch):
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


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
def test_headers_that_are_too_long_are_refused(end):
    async def run():
        async with publisher() as server:
            reader, writer = await server.connect()
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * (MAX_HEAD + 1) + end)
            return await asyncio.wait_for(reader.readline(), 20)

    assert asyncio.run(run()).startswith(b"HTTP/1.1 400")


def test_an_address_gets_its_share_of_the_connections_and_a_trusted_proxy_all():
    async def run(trusted_proxies):
        async with publisher(total=8, share=2, trusted_proxies=trusted_proxies) as server:
            clients = [await server.connect() for _ in range(6)]
            await until(lambda: len(server.server.acceptor.open) == (6 if trusted_proxies else 2))
            ends = [await end_of(reader) for reader, _ in clients[2:]] if not trusted_proxies else []
            for _, writer in clients:
                writer.close()
            await until(lambda: not server.server.acceptor.open)
            return ends, (await server.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")))[:12]

    assert asyncio.run(run(())) == ([b""] * 4, b"HTTP/1.1 200")
    assert asyncio.run(run(LOOPBACK)) == ([], b"HTTP/1.1 200")


def test_connections_beyond_the_limit_are_closed_trusted_or_not():
    async def run():
        async with publisher(total=2, share=2, trusted_proxies=LOOPBACK) as server:
            clients = [await server.connect() for _ in range(3)]
            return await end_of(clients[2][0])

    assert asyncio.run(run()) == b""


def test_a_connection_counts_before_its_handshake_which_must_end_in_time(monkeypatch):
    monkeypatch.setattr(connections, "HANDSHAKE_WITHIN", 30)
    identity = issue("127.0.0.1")
    client = ssl.create_default_context(cadata=identity.pem.decode())

    async def run():
        async with publisher(total=3, share=2, tls=server_context(identity)) as server:
            silent = [await server.connect() for _ in range(2)]
            with pytest.raises(OSError):  # noqa: PT011 - one of several kinds
                await server.connect(client)
            for _, writer in silent:
                writer.close()
            await until(lambda: not server.server.acceptor.open)
            monkeypatch.setattr(connections, "HANDSHAKE_WITHIN", 0.05)
            silent = [await server.connect() for _ in range(2)]
            ends = [await end_of(reader) for reader, _ in silent]
            monkeypatch.setattr(connections, "HANDSHAKE_WITHIN", 30)
            reader, writer = await server.connect(client)
            writer.write(GET)
            return ends, await reader.readuntil(b"ok")

    ends, response = asyncio.run(run())
    assert (ends, response[:12]) == ([b"", b""], b"HTTP/1.1 200")


def test_connections_without_a_handshake_cost_little_memory():
    def resident():
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    async def run():
        async with publisher(total=400, share=400, tls=server_context(issue("127.0.0.1"))) as server:
            clients = [await server.connect() for _ in range(100)]  # so that one-time allocations are done
            before = resident()
            clients += [await server.connect() for _ in range(300)]
            await until(lambda: len(server.server.acceptor.open) == len(clients))
            return (resident() - before) / 300

    assert asyncio.run(run()) < 150  # KiB each, including this client's


def test_without_free_files_connections_wait(monkeypatch):
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
    """Prevent this process from opening more files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    os.close(lowest := os.dup(0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_draining_server_finishes_requests_in_flight_and_accepts_no_others():
    async def run():
        app = Gate()
        async with publisher(app) as server:
            idle, _ = await server.connect()
            reader, writer = await server.connect()
            writer.write(GET)
            await app.entered.wait()
            draining = asyncio.create_task(server.server.drain(60))
            assert await end_of(idle) == b""
            with pytest.raises(ConnectionRefusedError):
                await server.connect()
            assert not draining.done()
            app.open.set()
            response = await end_of(reader)
            await draining
            return response

    response = asyncio.run(run())
    assert response.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in response
    assert response.endswith(b"ok")


@pytest.mark.parametrize("begun", [True, False])
def test_draining_does_not_wait_for_events(begun):
    async def run():
        gate = Gate()

        async def send_events(_scope, _receive, send):
            if not begun:
                await gate(_scope, _receive, ignore)
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
            )
            await send({"type": "http.response.body", "body": b": begun\n\n", "more_body": True})
            await asyncio.Event().wait()

        async with publisher(send_events) as server:
            reader, writer = await server.connect()
            writer.write(GET)
            await (reader.readuntil(b"begun\n\n") if begun else gate.entered.wait())
            gate.open.set()
            async with asyncio.timeout(30):
                await server.server.drain(60)

    async def ignore(_message):
        pass

    asyncio.run(run())


def test_draining_ends_at_its_timeout():
    async def run():
        app = Gate()
        async with publisher(app) as server:
            reader, writer = await server.connect()
            writer.write(GET.replace(b"\r\n\r\n", b"\r\nAccept: application/json, text/event-stream\r\n\r\n"))
            await app.entered.wait()
            begin = time.monotonic()
            await server.server.drain(0.1)
            took = time.monotonic() - begin
            app.open.set()
            return took, await reader.readline()

    took, response = asyncio.run(run())
    assert took >= 0.1
    assert response.startswith(b"HTTP/1.1 200")


def test_requests_that_are_cut_off_leave_no_traceback(monkeypatch, caplog):
    monkeypatch.setattr(http_server, "CANCELLED_WITHIN", 0.05)

    async def run():
        app = Gate()
        async with publisher(app) as server:
            _, writer = await server.connect()
            writer.write(GET)
            await app.entered.wait()
            await server.server.drain(0)

    asyncio.run(run())
    assert caplog.records == []


def test_a_connection_in_its_handshake_does_not_delay_draining():
    async def run():
        async with publisher(tls=server_context(issue("127.0.0.1"))) as server:
            reader, _ = await server.connect()
            await until(lambda: server.server.acceptor.open)
            await server.server.drain(60)
            return await end_of(reader)

    assert asyncio.run(run()) == b""
