"""
The publisher's HTTP server: uvicorn's protocol on connections that we accept, bound and drain ourselves.
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
from holdfast.server.connections import Acceptor, HttpConnection
from holdfast.server.limits import ConnectionLimits
from holdfast.server.request_heads import StrictConnection

HEAD_WITHIN = 20.0  # seconds for a request's line and headers
MAX_HEAD = 32 * 1024  # bytes of them
IDLE = 15  # seconds that a connection stays open between requests
TAKEN_WITHIN = 30.0  # seconds in which a client must take some of an answer that fills all buffers
CANCELLED_WITHIN = 1.0  # seconds for requests to end whose connections were cut
LOOK_AGAIN = 0.01  # seconds, while the last requests are answered
CLOSE = (b"connection", b"close")


@asynccontextmanager
async def serving(
    app: ASGIApp,
    listening: Sequence[socket.socket],
    tls: ssl.SSLContext | None,
    limits: ConnectionLimits,
    trusted_proxies: Sequence[Network] = (),
) -> AsyncIterator["Server"]:
    """
    Serve *app* on sockets, over TLS if a context is given, until the block ends.

    *trusted_proxies* may use up all connections; every other address has its share of them.
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
    """Answers the requests of all connections; `drain` it before it is stopped."""

    def __init__(
        self,
        app: ASGIApp,
        listening: Sequence[socket.socket],
        tls: ssl.SSLContext | None,
        limits: ConnectionLimits,
        trusted_proxies: Sequence[Network],
    ) -> None:

        async def until_cut(scope: Scope, receive: Receive, send: Send) -> None:
            with contextlib.suppress(asyncio.CancelledError):  # by `stop`; uvicorn would log it as an error of the app
                await app(scope, receive, send)

        config = uvicorn.Config(
            until_cut,
            http=_Protocol,
            ws="none",
            log_config=None,
            log_level="error",  # a request that is refused is the client's concern
            access_log=False,
            server_header=False,
            proxy_headers=False,  # `ForwardedClient` reads them; uvicorn would trust this machine by default
            lifespan="off",
            h11_max_incomplete_event_size=MAX_HEAD,
            timeout_keep_alive=IDLE,
        )
        config.load()
        self._state = ServerState()
        self._date()

        def make(ended: Callable[[], None]) -> _Protocol:
            return _Protocol(config, self._state, ended)

        self.acceptor = Acceptor(listening, tls, make, limits, trusted_proxies)

    async def drain(self, within: float) -> None:
        """Accept no more connections, and wait at most *within* seconds until the requests in flight are answered."""
        self.acceptor.close()
        self._state.default_headers.append(CLOSE)
        for connection in list(self.acceptor.open):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while any(connection.is_busy() for connection in self.acceptor.open):  # noqa: ASYNC110 - many events
                    await asyncio.sleep(LOOK_AGAIN)

    async def stop(self) -> None:
        """Cut all connections, and end the requests that are still in flight."""
        self.acceptor.close()
        for connection in list(self.acceptor.open):
            connection.abort()
        if tasks := set(self._state.tasks):
            _, late = await asyncio.wait(tasks, timeout=CANCELLED_WITHIN)
            for task in late:
                task.cancel()

    async def tell_dates(self) -> None:
        """Keep the header `Date` true until cancelled."""
        while True:
            await asyncio.sleep(1)
            self._date()

    def _date(self) -> None:
        # In place: answers take their headers from this list when they begin.
        others = [header for header in self._state.default_headers if header[0] != b"date"]
        self._state.default_headers[:] = [(b"date", formatdate(usegmt=True).encode()), *others]


class _Protocol(H11Protocol, HttpConnection):
    """Ends connections that are slow, takes only what has one meaning, and no more of a body than the app asks for."""

    def __init__(self, config: uvicorn.Config, state: ServerState, ended: Callable[[], None]) -> None:
        super().__init__(config, state, {})
        self.conn: StrictConnection = StrictConnection(MAX_HEAD)
        self._ended = ended
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def is_connected(self) -> bool:
        """Whether HTTP has begun: over TLS, after the handshake."""
        return self.transport is not None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._end_after(HEAD_WITHIN)

    def data_received(self, data: bytes) -> None:
        """Take what has come; the head of a request may come in pieces, but not for ever."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._end_no_longer()
        elif self._deadline is None:
            self._end_after(HEAD_WITHIN)
        if self.cycle and self.cycle.more_body and not self.cycle.response_complete:
            self.flow.pause_reading()  # until the app asks for more: it may refuse the request without its body

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request; in the middle of an answer there is nothing left to say."""
        if self.cycle and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.abort()
        else:
            super().send_400_response(msg)

    def pause_writing(self) -> None:
        """Wait until the client takes some of the answer, but not for ever."""
        super().pause_writing()
        self._end_after(TAKEN_WITHIN)

    def resume_writing(self) -> None:
        """Go on with the answer."""
        self._end_no_longer()
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Let the client take the rest of the answer, but not for ever, where nothing comes after it."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._end_after(TAKEN_WITHIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting, and say that the connection has ended."""
        self._end_no_longer()
        super().connection_lost(exc)
        self._ended()

    def is_busy(self) -> bool:
        """Say whether a request is in flight, or its answer not yet sent; events never end, so they don't count."""
        if self.transport is None or (self._is_in_flight() and self.conn.sends_events):
            return False
        return self._is_in_flight() or self.transport.get_write_buffer_size() > 0

    def shutdown(self) -> None:
        """End when the request in flight is answered; at once if there is none, or its answer never ends."""
        if self._is_in_flight() and self.conn.sends_events:
            self.abort()
        elif self.transport is not None and not self.transport.is_closing():
            super().shutdown()

    def abort(self) -> None:
        """End at once."""
        if self.transport is not None:
            self.transport.abort()

    def _is_in_flight(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _end_after(self, seconds: float) -> None:
        self._end_no_longer()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _end_no_longer(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
