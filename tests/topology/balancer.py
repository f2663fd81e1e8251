"""
A load balancer without stickiness, which doesn't end TLS; or, with one target, a network that can fail.

    with Balancer([("127.0.0.1", 9443), ("127.0.0.1", 9444)]) as balancer:
        httpx2.get(balancer.url("https"))
        balancer.cut()
"""

import contextlib
import itertools
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence

from holdfast.network.addresses import Address


class Balancer(socketserver.ThreadingTCPServer):
    """Passes each connection on to the next one of *targets*, until the block ends."""

    daemon_threads = True

    def __init__(self, targets: Sequence[Address]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.next = itertools.cycle(targets)
        self.passes = threading.Event()  # otherwise, what is sent arrives later
        self.passes.set()
        self._is_cut = False
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "Balancer":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.cut()
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def url(self, scheme: str) -> str:
        """Its URL."""
        return f"{scheme}://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Close all connections, and each new one at once."""
        self._is_cut = True
        self.passes.set()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def silence(self) -> None:
        """Let nothing pass, and close nothing, as a network does that drops packets."""
        self.passes.clear()

    def mend(self) -> None:
        """Let everything pass again."""
        self._is_cut = False
        self.passes.set()

    @contextlib.contextmanager
    def connection(self) -> Iterator[socket.socket | None]:
        """Connect to the next target; None if connections are cut."""
        if self._is_cut:
            yield None
            return
        with socket.create_connection(next(self.next)) as target:
            self._open.add(target)
            try:
                # It may have been cut since.
                yield None if self._is_cut else target
            finally:
                self._open.discard(target)


class _Handler(socketserver.BaseRequestHandler):
    server: Balancer

    def handle(self) -> None:
        with self.server.connection() as target:
            if target:
                back = threading.Thread(target=self._copy, args=(target, self.request), daemon=True)
                back.start()
                self._copy(self.request, target)
                back.join()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.server.passes.wait()
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
