"""
Preparations of a server's process, before and while its modules are imported.
"""

import gc
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


def prepare_process() -> None:
    """Prepare the process before the server is imported."""
    # gRPC errors also arrive as exceptions; its lines on standard error aren't JSON.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # gRPC's Python API can't set a minimum version of TLS, and reads this when it is imported. All certificates of
    # gateways are for ECDSA keys, so with only this suite for RSA, a handshake with TLS 1.2 fails. TLS 1.3 has others.
    os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-RSA-AES128-GCM-SHA256"
    # Ignore it until the server handles it; the default would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


@contextmanager
def loading() -> Iterator[None]:
    """Disable garbage collection during imports: there is little to collect, and it takes a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # otherwise, the next collections scan all modules, which never become garbage
        gc.enable()
