"""
The publisher's HTTP server: uvicorn's protocol on connections that Holdfast accepts, limits and drains.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from email.utils import formatdate

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from holdfast.network.addresses import Network
from holdfast.server.http.connections import Acceptor, HttpConnection
from holdfast.server.http.request_heads import StrictConnection
from holdfast.server.machine.limits import ConnectionLimits

HEAD_WITHIN = 20.0  # seconds for the request line and headers
MAX_HEAD = 32 * 1024  # bytes of the request line and headers
IDLE = 15  # seconds that a connection stays open between requests
TAKEN_WITHIN = 30.0  # seconds within which a client must read from a response that fills all buffers
CANCELLED_WITHIN = 1.0  # seconds for requests to end whose connections were closed
LOOK_AGAIN = 0.01  # seconds between checks while the last requests finish
CLOSE = (b"connection", b"close")


@asynccontextmanager
async def serve(
    app: ASGIApp,
    listening: Sequence[socket.socket],
    tls: ssl.SSLContext | None,
    limits: ConnectionLimits,
    trusted_proxies: Sequence[Network] = (),
) -> AsyncIterator["Server"]:
    """
    Serve *app* on sockets, over TLS if a context is given, until the block ends.

    *trusted_proxies* can use all connections; other addresses only their share.
    """
    server = Server(app, listening, tls, limits, trusted_proxies)
    dating = asyncio.create_task(server.tell_dates())
    server.acceptor.start()
    try:
        yield server
    finally:
        dating.cancel()
        await server.stop()


class Server:
    """Handles the requests of all connections; call `drain` before `stop`."""

    def __init__(
        self,
        app: ASGIApp,
        listening: Sequence[socket.socket],
        tls: ssl.SSLContext | None,
        limits: ConnectionLimits,
        trusted_proxies: Sequence[Network],
    ) -> None:

        async def run_until_cut(scope: Scope, receive: Receive, send: Send) -> None:
            with contextlib.suppress(asyncio.CancelledError):  # from `stop`; uvicorn would log it as an error
                await app(scope, receive, send)

        config = uvicorn.Config(
            run_until_cut,
            http=_Protocol,
            ws="none",
            log_config=None,
            log_level="error",  # malformed requests, logged as warnings, are the client's concern
            access_log=False,
            server_header=False,
            proxy_headers=False,  # `ForwardedClient` does that; uvicorn trusts loopback by default
            lifespan="off",
            h11_max_incomplete_event_size=MAX_HEAD,
            timeout_keep_alive=IDLE,
        )
        config.load()
        self._state = ServerState()
        self._set_date()

        def make(on_close: Callable[[], None]) -> _Protocol:
            return _Protocol(config, self._state, on_close)

        self.acceptor = Acceptor(listening, tls, make, limits, trusted_proxies)

    async def drain(self, within: float) -> None:
        """Stop accepting connections, and wait up to *within* seconds for the requests in flight."""
        self.acceptor.close()
        self._state.default_headers.append(CLOSE)
        for connection in list(self.acceptor.open):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while any(connection.is_busy() for connection in self.acceptor.open):  # noqa: ASYNC110 - many events
                    await asyncio.sleep(LOOK_AGAIN)

    async def stop(self) -> None:
        """Close all connections, and cancel the requests in flight."""
        self.acceptor.close()
        for connection in list(self.acceptor.open):
            connection.abort()
        if tasks := set(self._state.tasks):
            _, late = await asyncio.wait(tasks, timeout=CANCELLED_WITHIN)
            for task in late:
                task.cancel()

    async def tell_dates(self) -> None:
        """Update the header `Date` every second until cancelled."""
        while True:
            await asyncio.sleep(1)
            self._set_date()

    def _set_date(self) -> None:
        # In place, because responses copy their headers from this list.
        others = [header for header in self._state.default_headers if header[0] != b"date"]
        self._state.default_headers[:] = [(b"date", formatdate(usegmt=True).encode()), *others]


class _Protocol(H11Protocol, HttpConnection):
    """Closes slow connections, rejects ambiguous requests, and reads no more of a body than the app asks for."""

    def __init__(self, config: uvicorn.Config, state: ServerState, on_close: Callable[[], None]) -> None:
        super().__init__(config, state, {})
        self.conn: StrictConnection = StrictConnection(MAX_HEAD)
        self._on_close = on_close
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_connected(self) -> bool:
        """Whether HTTP has begun: over TLS, after the handshake."""
        return self.transport is not None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Start waiting for a request."""
        super().connection_made(transport)
        self._abort_after(HEAD_WITHIN)

    def data_received(self, data: bytes) -> None:
        """Process received data, with a time limit for the head of a request."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._cancel_abort()
        elif self._deadline is None:
            self._abort_after(HEAD_WITHIN)
        if self.cycle and self.cycle.more_body and not self.cycle.response_complete:
            self.flow.pause_reading()  # until the app asks for more: it may reject the request without its body

    def send_400_response(self, msg: str) -> None:
        """Reject a malformed request; close the connection if a response has already begun."""
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        """Wait until the client reads some of the response, with a time limit."""
        super().pause_writing()
        self._abort_after(TAKEN_WITHIN)

    def resume_writing(self) -> None:
        """Continue with the response."""
        self._cancel_abort()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """If the connection closes after this response, give the client limited time to read the rest."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._abort_after(TAKEN_WITHIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the time limit, and call *on_close*."""
        self._cancel_abort()
        super().connection_lost(exc)
        self._on_close()

    def is_busy(self) -> bool:
        """Return whether a request is in flight or its response not yet sent. Event streams don't count."""
        if self.transport is None or (self._is_in_flight() and self.conn.sends_events):
            return False
        return self._is_in_flight() or self.transport.get_write_buffer_size() > 0

    def shutdown(self) -> None:
        """Close after the response to the request in flight; at once if there is none or it is an event stream."""
        if self._is_in_flight() and self.conn.sends_events:
            self.abort()
        elif self.transport is not None and not self.transport.is_closing():
            super().shutdown()

    def abort(self) -> None:
        """Close at once."""
        if self.transport is not None:
            self.transport.abort()

    def _is_in_flight(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _abort_after(self, seconds: float) -> None:
        self._cancel_abort()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _cancel_abort(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
