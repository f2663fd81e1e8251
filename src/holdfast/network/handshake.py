"""
Read certificates from the bytes of a TLS handshake, because OpenSSL returns none if it can't read one.

TLS 1.2 and older send them unencrypted (RFC 5246, section 7.4.2). TLS 1.3 encrypts them with a handshake secret, which
OpenSSL writes to its key log (RFC 8446, sections 4.4.2, 5.2 and 7.1).
"""

from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

_HANDSHAKE, _APPLICATION_DATA = 22, 23  # record types
_SERVER_HELLO, _CERTIFICATE = 2, 11  # message types
_LABEL = b"SERVER_HANDSHAKE_TRAFFIC_SECRET"
# Hash, cipher and key length in bytes by cipher suite (RFC 8446, appendix B.4).
_SUITES: dict[int, tuple[HashAlgorithm, type[AESGCM | ChaCha20Poly1305], int]] = {
    0x1301: (SHA256(), AESGCM, 16),
    0x1302: (SHA384(), AESGCM, 32),
    0x1303: (SHA256(), ChaCha20Poly1305, 32),
}


def read_certificates(handshake: bytes, key_log: Iterable[bytes]) -> list[bytes]:
    """Return the certificates in the bytes of a server's *handshake*, as sent; empty if there are none."""
    try:
        return _read_certificates(handshake, key_log)
    except (IndexError, ValueError, InvalidTag):  # the bytes aren't a server's handshake
        return []


def _read_certificates(handshake: bytes, key_log: Iterable[bytes]) -> list[bytes]:
    secret = next((bytes.fromhex(line.split()[2].decode()) for line in key_log if line.startswith(_LABEL)), b"")
    plain = b""
    encrypted_records: list[tuple[bytes, bytes]] = []
    for kind, header, payload in _read_records(handshake):
        if kind == _HANDSHAKE and not encrypted_records:
            plain += payload
        elif kind == _APPLICATION_DATA:
            encrypted_records.append((header, payload))
    hellos = [body for kind, body in _read_messages(plain) if kind == _SERVER_HELLO]
    if not secret or not hellos:
        return next((_list_certificates(body) for kind, body in _read_messages(plain) if kind == _CERTIFICATE), [])
    plain_handshake = _open(secret, _read_suite(hellos[-1]), encrypted_records)
    message = next((body for kind, body in _read_messages(plain_handshake) if kind == _CERTIFICATE), None)
    return [] if message is None else _list_certificates(message[1 + message[0] :], with_extensions=True)


def _read_records(handshake: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    at = 0
    while at + 5 <= len(handshake):
        header = handshake[at : at + 5]
        end = at + 5 + int.from_bytes(header[3:])
        if end > len(handshake):
            return
        yield header[0], header, handshake[at + 5 : end]
        at = end


def _read_messages(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(content):
        end = at + 4 + int.from_bytes(content[at + 1 : at + 4])
        if end > len(content):
            return
        yield content[at], content[at + 4 : end]
        at = end


def _read_suite(hello: bytes) -> int:
    at = 35 + hello[34]  # after version, random and session ID
    return int.from_bytes(hello[at : at + 2])


def _open(secret: bytes, suite: int, records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Decrypt the handshake messages of records protected with *secret*, up to the first with another key."""
    if suite not in _SUITES:
        return b""
    digest, cipher, length = _SUITES[suite]
    key, iv = (_expand(digest, secret, label, size) for label, size in ((b"key", length), (b"iv", 12)))
    messages = b""
    for number, (header, content) in enumerate(records):
        nonce = (int.from_bytes(iv) ^ number).to_bytes(12)
        try:
            inner = cipher(key).decrypt(nonce, content, header).rstrip(b"\0")
        except InvalidTag:
            break
        if inner[-1:] == bytes([_HANDSHAKE]):
            messages += inner[:-1]
    return messages


def _expand(digest: HashAlgorithm, secret: bytes, label: bytes, length: int) -> bytes:
    """Apply HKDF-Expand-Label with an empty context (RFC 8446, section 7.1)."""
    name = b"tls13 " + label
    info = length.to_bytes(2) + bytes([len(name)]) + name + b"\0"
    return HKDFExpand(digest, length, info).derive(secret)


def _list_certificates(content: bytes, *, with_extensions: bool = False) -> list[bytes]:
    certificates, at, end = [], 3, 3 + int.from_bytes(content[:3])
    while at < min(end, len(content)):
        size = int.from_bytes(content[at : at + 3])
        certificates.append(content[at + 3 : at + 3 + size])
        at += 3 + size
        if with_extensions:
            at += 2 + int.from_bytes(content[at : at + 2])
    return certificates
