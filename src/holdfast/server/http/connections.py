"""
The publisher's connections: limited in number, in total and for each address, and in the time of the TLS handshake.
"""

import asyncio
import socket
import ssl
from abc import ABC, abstractmethod
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Sequence

import structlog

from holdfast.network.addresses import Network
from holdfast.network.forwarded import is_trusted
from holdfast.server.machine.limits import ConnectionLimits
from holdfast.services.access.attempts import make_client_key
from holdfast.work.shares import Shares

log = structlog.get_logger()
HANDSHAKE_WITHIN = 10  # seconds
TLS_CLOSE_WITHIN = 2.0  # seconds for the peer's close_notify
ACCEPT_AT_ONCE = 64  # connections, before other tasks run
PAUSE_WITHOUT_FILES = 0.5  # seconds until the next attempt to accept
RECEIVE_BUFFER = 64 * 1024  # bytes that the kernel and each layer above it buffer for one connection
TLS_READ = 16 * 1024  # bytes; asyncio would allocate 256 KiB for each connection


class HttpConnection(asyncio.Protocol, ABC):
    """HTTP on an accepted connection, or on the TLS connection above it."""

    @property
    @abstractmethod
    def is_connected(self) -> bool:
        """Whether HTTP has begun: over TLS, after the handshake."""

    @abstractmethod
    def is_busy(self) -> bool:
        """Return whether a request is in flight, or its response not yet sent."""

    @abstractmethod
    def shutdown(self) -> None:
        """Close after the response to the request in flight, or at once if there is none."""

    @abstractmethod
    def abort(self) -> None:
        """Close at once."""


class TlsConnection(SSLProtocol):
    """asyncio's TLS below *http*, with less memory, a time limit, and a call of *on_close* when it is closed."""

    max_size = TLS_READ

    def __init__(self, http: HttpConnection, context: ssl.SSLContext, on_close: Callable[[], None]) -> None:
        super().__init__(
            asyncio.get_running_loop(),
            http,
            context,
            None,  # type: ignore[arg-type]  # no future waits for the handshake
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_WITHIN,
            ssl_shutdown_timeout=TLS_CLOSE_WITHIN,
        )
        self._set_read_buffer_limits(RECEIVE_BUFFER)  # type: ignore[attr-defined]  # missing in typeshed
        self._http, self._on_close = http, on_close
        self._socket: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as asyncio calls it
        """Begin the handshake."""
        self._socket = transport
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Call *on_close*."""
        super().connection_lost(exc)
        self._on_close()

    def is_busy(self) -> bool:
        """Return whether a request is in flight, or its response not yet sent."""
        return self._http.is_busy() or (self._http.is_connected and _has_unsent(self._socket))

    def shutdown(self) -> None:
        """Close after the response to the request in flight, or at once if there is none."""
        if self._http.is_connected:
            self._http.shutdown()
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        if self._socket:
            self._socket.abort()


def _has_unsent(transport: asyncio.Transport | None) -> bool:
    return transport is not None and transport.get_write_buffer_size() > 0


class Acceptor:
    """Accepts connections on *listeners*; closes those beyond *limits* at once."""

    def __init__(
        self,
        listeners: Sequence[socket.socket],
        tls: ssl.SSLContext | None,
        make: Callable[[Callable[[], None]], HttpConnection],
        limits: ConnectionLimits,
        trusted_proxies: Sequence[Network] = (),
    ) -> None:
        """*make* creates the HTTP connection; its argument is called when the connection is closed."""
        self._listeners, self._tls, self._make = listeners, tls, make
        self._shares = Shares(limits.publisher, limits.publisher_share)
        self._trusted_proxies = trusted_proxies
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self.open: set[TlsConnection | HttpConnection] = set()

    def start(self) -> None:
        """Start accepting connections."""
        for listener in self._listeners:
            # Limits what the kernel buffers before Holdfast reads it. Accepted sockets inherit this.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Stop accepting: the system refuses further connections."""
        self._stop_listening()
        if self._retry:
            self._retry.cancel()
        for listener in self._listeners:
            listener.close()

    def _listen(self) -> None:
        self._retry = None
        for listener in self._listeners:
            self._loop.add_reader(listener, self._accept, listener)

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            if listener.fileno() >= 0:
                self._loop.remove_reader(listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                client, (host, *_) = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:
                # Out of files or memory: pending connections are accepted later.
                log.error("connections wait for the publisher", why=error.strerror)
                self._stop_listening()
                self._retry = self._loop.call_later(PAUSE_WITHOUT_FILES, self._listen)
                return
            holder = make_client_key(host)
            if not self._shares.take(holder, unbounded=is_trusted(host, self._trusted_proxies)):
                client.close()
                continue
            client.setblocking(False)
            self._connect(client, holder)

    def _connect(self, client: socket.socket, holder: str) -> None:
        def release() -> None:
            self.open.discard(connection)
            self._shares.give_back(holder)

        connection = TlsConnection(self._make(_do_nothing), self._tls, release) if self._tls else self._make(release)
        self.open.add(connection)
        task = self._loop.create_task(self._hand_over(client, connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _hand_over(self, client: socket.socket, connection: asyncio.BaseProtocol) -> None:
        await self._loop.connect_accepted_socket(lambda: connection, client)


def _do_nothing() -> None:
    pass
