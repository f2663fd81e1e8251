"""
Preparations of a server's process, before its modules are imported.
"""

import os
import signal
import sys

LONGEST_TURN = 0.0005  # seconds until a thread gives way to another; by default, the event loop may wait 5 ms


def prepare_process() -> None:
    """Prepare the process before the server is imported."""
    # gRPC errors also arrive as exceptions; its lines on standard error aren't JSON.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # gRPC's Python API can't set a minimum version of TLS, and reads this when it is imported. All certificates of
    # gateways are for ECDSA keys, so with only this suite for RSA, a handshake with TLS 1.2 fails. TLS 1.3 has others.
    os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-RSA-AES128-GCM-SHA256"
    sys.setswitchinterval(LONGEST_TURN)
    # Ignore it until the server handles it; the default would end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
