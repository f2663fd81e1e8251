"""
A backend that sends arbitrary bytes as certificates, including those that no TLS library would load or send.

    with damaged_backend([b"not a certificate"]) as url:
        look(url)

It ends each connection after its certificates.
"""

import contextlib
import hashlib
import hmac
import os
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

V4 = "127.0.0.1"
HELLO, EXTENSIONS, CERTIFICATE = 2, 8, 11
SUITES = {"TLSv1.2": b"\xc0\x2f", "TLSv1.3": b"\x13\x01"}  # ECDHE-RSA-AES128-GCM-SHA256, AES-128-GCM-SHA256


@contextmanager
def damaged_backend(certificates: Sequence[bytes], version: str = "TLSv1.3") -> Iterator[str]:
    """Run one that speaks *version* and give its URL."""

    class _Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            connection.settimeout(20)
            with contextlib.suppress(OSError):
                hello = _read_record(connection)
                answer = _tls13(hello, certificates) if version == "TLSv1.3" else _tls12(hello, certificates)
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)  # or a client that can read them would wait for the rest
                connection.recv(1024)  # the alert of the client

    class _Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with _Server((V4, 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"https://{V4}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _tls12(hello: bytes, certificates: Sequence[bytes]) -> bytes:
    entries = b"".join(_prefix_size(3, certificate) for certificate in certificates)
    # TLS 1.2 servers confirm secure renegotiation (RFC 5746).
    server_hello = _server_hello(hello, SUITES["TLSv1.2"], b"\xff\x01\x00\x01\x00")
    return _record(22, server_hello) + _record(22, _message(CERTIFICATE, _prefix_size(3, entries)))


def _tls13(hello: bytes, certificates: Sequence[bytes]) -> bytes:
    own = X25519PrivateKey.generate()
    public = own.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    extensions = b"\x00\x2b\x00\x02\x03\x04" + b"\x00\x33" + _prefix_size(2, b"\x00\x1d" + _prefix_size(2, public))
    server_hello = _server_hello(hello, SUITES["TLSv1.3"], extensions)
    secret = _handshake_secret(own.exchange(_key_share(hello)), hashlib.sha256(hello + server_hello).digest())
    entries = b"".join(_prefix_size(3, certificate) + b"\0\0" for certificate in certificates)
    messages = _message(EXTENSIONS, b"\0\0") + _message(CERTIFICATE, b"\0" + _prefix_size(3, entries))
    key, iv = _expand(secret, b"key", b"", 16), _expand(secret, b"iv", b"", 12)
    records = b""
    # In small records, so that a message is in several of them.
    for number, at in enumerate(range(0, len(messages), 500)):
        inner = messages[at : at + 500] + b"\x16" + bytes(7)
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2)
        nonce = (int.from_bytes(iv) ^ number).to_bytes(12)
        records += header + AESGCM(key).encrypt(nonce, inner, header)
    return _record(22, server_hello) + _record(20, b"\x01") + records


def _server_hello(hello: bytes, suite: bytes, extensions: bytes) -> bytes:
    session = hello[38 : 39 + hello[38]]
    return _message(HELLO, b"\x03\x03" + os.urandom(32) + session + suite + b"\0" + _prefix_size(2, extensions))


def _key_share(hello: bytes) -> X25519PublicKey:
    at = hello.index(b"\x00\x1d\x00\x20")
    return X25519PublicKey.from_public_bytes(hello[at + 4 : at + 36])


def _handshake_secret(shared_secret: bytes, transcript: bytes) -> bytes:
    """RFC 8446, section 7.1, for SHA-256 and without a pre-shared key."""
    early = hmac.digest(bytes(32), bytes(32), "sha256")
    salt = _expand(early, b"derived", hashlib.sha256().digest(), 32)
    return _expand(hmac.digest(salt, shared_secret, "sha256"), b"s hs traffic", transcript, 32)


def _expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
    info = length.to_bytes(2) + _prefix_size(1, b"tls13 " + label) + _prefix_size(1, context)
    return hmac.digest(secret, info + b"\x01", "sha256")[:length]


def _read_record(connection: socket.socket) -> bytes:
    data = b""
    while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5]):
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError
        data += piece
    return data[5:]


def _record(kind: int, content: bytes) -> bytes:
    pieces = [content[at : at + 16000] for at in range(0, len(content), 16000)]
    return b"".join(bytes([kind]) + b"\x03\x03" + _prefix_size(2, piece) for piece in pieces)


def _message(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + _prefix_size(3, content)


def _prefix_size(octets: int, content: bytes) -> bytes:
    return len(content).to_bytes(octets) + content
