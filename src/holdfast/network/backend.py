"""
Read the certificates that a backend presents in a TLS handshake, without verifying them or sending HTTP.

This uses OpenSSL through pyOpenSSL, because Python's `ssl` returns only verified chains. Only the gateway decides
whether to trust a backend.
"""

import socket
import time
from collections.abc import Sequence

from OpenSSL import SSL, crypto

from holdfast.network.handshake import read_certificates
from holdfast.network.presentation import (
    MAX_BYTES,
    MAX_CERTIFICATES,
    FailedHandshake,
    Handshake,
    Obstacle,
    Presentation,
)

SECONDS = 5.0  # for one probe of all addresses
MOMENT = 0.5  # seconds: servers reject a missing client certificate after the handshake (RFC 8446, section 4.4.2)
_PIECE = 16 * 1024
_ALERT_OR_HANDSHAKE = b"\x15\x16"  # the first record type of a TLS server (RFC 8446, section 5.1)


def probe_backend(
    addresses: Sequence[str], port: int, server_name: str, seconds: float = SECONDS
) -> Presentation | FailedHandshake:
    """
    Connect to the first of *addresses* that answers, and read what it presents for the SNI *server_name*.

    An empty *server_name* sends no SNI (RFC 6066, section 3, forbids addresses).
    """
    outcome = shake_hands(addresses, port, server_name, seconds)
    return outcome.read() if isinstance(outcome, Handshake) else outcome


def shake_hands(
    addresses: Sequence[str], port: int, server_name: str, seconds: float = SECONDS
) -> Handshake | FailedHandshake:
    """Make the handshake of `probe_backend`, without reading the certificates."""
    end = time.monotonic() + seconds
    furthest = FailedHandshake(Obstacle.DNS, "The host has no address.")
    for number, address in enumerate(addresses):
        now = time.monotonic()
        share = (end - now) / (len(addresses) - number)
        outcome = _Connection(address, port, server_name, now + share).take()
        if isinstance(outcome, Handshake):
            return outcome
        furthest = max(furthest, outcome, key=lambda unseen: list(Obstacle).index(unseen.obstacle))
    return furthest


class _ConnectionEnded(Exception):
    """The backend or OpenSSL ended the connection; the text says how."""


class _NotTls(Exception):
    """The backend's answer isn't TLS."""


class _Connection:
    """One connection, limited to *end* of the monotonic clock."""

    def __init__(self, address: str, port: int, server_name: str, end: float) -> None:
        self._target = (address, port)
        self._shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        self._end = end
        self._received = bytearray()
        self._key_log: list[bytes] = []
        self._requests_certificate = False
        self._tls = self._make_client(server_name)

    def _make_client(self, server_name: str) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        # It only reads certificates, so it accepts old and weak servers.
        context.set_min_proto_version(SSL.TLS1_VERSION)
        context.set_cipher_list(b"ALL:!aNULL:!eNULL:@SECLEVEL=0")
        context.set_options(SSL.OP_LEGACY_SERVER_CONNECT | SSL.OP_NO_TICKET)
        context.set_alpn_protos([b"h2", b"http/1.1"])
        context.set_info_callback(self._notice)
        context.set_keylog_callback(lambda _, line: self._key_log.append(line))
        connection = SSL.Connection(context, None)
        if server_name:
            connection.set_tlsext_host_name(server_name.encode("ascii"))
        connection.set_connect_state()
        return connection

    def _notice(self, connection: SSL.Connection, where: int, code: int) -> None:
        del where, code
        self._requests_certificate |= b"read server certificate request" in connection.get_state_string()

    def take(self) -> Handshake | FailedHandshake:
        try:
            with socket.create_connection(self._target, self._count_seconds()) as backend:
                return self._read(backend)
        except TimeoutError:
            return FailedHandshake(Obstacle.TIMEOUT, "The backend didn't answer in time.", self._shown)
        except OSError as error:
            return FailedHandshake(Obstacle.REFUSED, error.strerror or "The connection failed.", self._shown)

    def _read(self, backend: socket.socket) -> Handshake | FailedHandshake:
        obstacle, reason = Obstacle.HANDSHAKE, ""
        try:
            self._shake_hands(backend)
            if self._requests_certificate:
                self._wait_for_objection(backend)
        except _NotTls:
            obstacle, reason = Obstacle.NOT_TLS, "The backend's answer isn't TLS."
        except TimeoutError:
            obstacle, reason = Obstacle.TIMEOUT, "The backend didn't answer in time."
        except _ConnectionEnded as error:
            reason = str(error)
        certificates = self._list_certificates()
        if not certificates:
            return FailedHandshake(obstacle, reason or "The backend presented no certificate.", self._shown)
        return Handshake(
            address=self._shown,
            certificates=tuple(certificates[:MAX_CERTIFICATES]),
            beyond=max(len(certificates) - MAX_CERTIFICATES, 0),
            tls_version=self._tls.get_protocol_version_name(),
            cipher=self._tls.get_cipher_name() or "",
            alpn=self._tls.get_alpn_proto_negotiated().decode("ascii", "replace"),
            asks_for_certificate=self._requests_certificate,
            end_reason=reason,
        )

    def _shake_hands(self, backend: socket.socket) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except SSL.WantReadError:
                self._send(backend)
                self._receive(backend, self._count_seconds())
            except SSL.Error as error:
                raise _ConnectionEnded(_explain(error)) from error
            else:
                self._send(backend)
                return

    def _wait_for_objection(self, backend: socket.socket) -> None:
        end = time.monotonic() + MOMENT
        while (seconds := min(end, self._end) - time.monotonic()) > 0:
            try:
                self._receive(backend, seconds)
                self._tls.recv(_PIECE)
            except (TimeoutError, SSL.WantReadError):
                continue
            except SSL.Error as error:
                raise _ConnectionEnded(_explain(error)) from error

    def _send(self, backend: socket.socket) -> None:
        try:
            backend.settimeout(self._count_seconds())
            backend.sendall(self._tls.bio_read(MAX_BYTES))
        except SSL.WantReadError:
            return  # there is nothing to send
        except TimeoutError:
            raise
        except OSError as error:
            raise _ConnectionEnded(error.strerror or "connection reset") from error

    def _receive(self, backend: socket.socket, seconds: float) -> None:
        try:
            backend.settimeout(seconds)
            data = backend.recv(_PIECE)
        except TimeoutError:
            raise
        except OSError as error:
            raise _ConnectionEnded(error.strerror or "connection reset") from error
        if not data:
            raise _ConnectionEnded("connection closed")
        if not self._received and data[0] not in _ALERT_OR_HANDSHAKE:
            raise _NotTls
        self._received += data
        if len(self._received) > MAX_BYTES:
            raise _ConnectionEnded(
                f"The backend sent more than {MAX_BYTES // 1024} KiB, the limit of Holdfast for a handshake."
            )
        self._tls.bio_write(data)

    def _list_certificates(self) -> list[bytes]:
        readable_chain = self._tls.get_peer_cert_chain() or []
        return read_certificates(bytes(self._received), self._key_log) or [
            crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in readable_chain
        ]

    def _count_seconds(self) -> float:
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def _explain(error: SSL.Error) -> str:
    """Return OpenSSL's reason, such as "tlsv13 alert certificate required", or a default if it has none."""
    reasons = [str(reason) for reason in error.args[0][0][2:] if reason] if error.args and error.args[0] else []
    return reasons[0] if reasons else "connection closed"
