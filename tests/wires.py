"""
A network between a gateway and its control plane that can lose everything, silently, and work again.

    with Wire(("127.0.0.1", 9443)) as wire:   # connect to wire.address
        wire.cut()
        wire.mend()
"""

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

PIECE = 65536
LOOKS_EVERY = 0.05  # seconds


class Wire:
    """Forwards connections to *target*; while it is cut, packets are lost without an error."""

    def __init__(self, target: tuple[str, int], change: Callable[[bytes], bytes] = bytes) -> None:
        """*change* returns what arrives instead of what the target sends."""
        self._target, self._change = target, change
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listening.getsockname())
        self._whole = threading.Event()
        self._whole.set()
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._accept)]
        self.received = 0  # bytes from the target
        self.delay = 0.0  # seconds for which what the target sends is held back

    def __enter__(self) -> "Wire":
        self._threads[0].start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._whole.set()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def cut(self) -> None:
        """Lose everything from now on; connections that are open now stay dead, as if a firewall had forgotten them."""
        self._whole.clear()

    def mend(self) -> None:
        """Forward new connections again."""
        self._whole.set()

    def _accept(self) -> None:
        while not self._end.is_set():
            if select.select([self._listening], [], [], LOOKS_EVERY)[0]:
                near, _ = self._listening.accept()
                thread = threading.Thread(target=self._forward, args=[near])
                self._threads.append(thread)
                thread.start()

    def _forward(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection(self._target) as far:
            ends = {near: far, far: near}
            is_dead = False
            while not self._end.is_set():
                is_dead |= not self._whole.is_set()
                for end in select.select(ends, [], [], LOOKS_EVERY)[0]:
                    piece = end.recv(PIECE)
                    if not piece:
                        return
                    is_dead |= not self._whole.is_set()
                    if not is_dead:
                        self.received += len(piece) if end is far else 0
                        if end is far:
                            self._end.wait(self.delay)
                            piece = self._change(piece)
                        ends[end].sendall(piece)
