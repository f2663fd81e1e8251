"""
The publisher's server in this process, with a test's app, and connections to it.

    async with publisher(total=8, share=2) as server:
        answered = await server.ask(GET)
"""

import asyncio
import contextlib
import socket
from contextlib import asynccontextmanager

from holdfast.server.http.server import serve
from holdfast.server.machine.limits import ConnectionLimits

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def say_ok(_scope, receive, send):
    message = await receive()
    assert message["type"] == "http.request"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


class Publisher:
    """A server in this process, and connections to it."""

    def __init__(self, server, address, stack):
        self.server, self.address, self._stack = server, address, stack

    async def connect(self, tls=None):
        """Connect; return reader and writer."""
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
async def publisher(app=say_ok, *, total=50, share=50, tls=None, trusted_proxies=()):
    limits = ConnectionLimits(total, share, 0)
    with contextlib.ExitStack() as stack, socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        async with serve(app, [listening], tls, limits, trusted_proxies) as server:
            yield Publisher(server, address, stack)


async def end_of(reader):
    """Read until the connection is closed or reset."""
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionResetError:
        return b""


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - many events
            await asyncio.sleep(0.005)
