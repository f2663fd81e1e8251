"""
Keys from passwords: PBKDF2 (RFC 8018) and the older way of PKCS#12 (RFC 7292, appendix B), in bounded work.
"""

import hashlib
from dataclasses import dataclass

from holdfast.certificates.errors import TooManyIterations

MAX_ITERATIONS = 100_000
MAX_ALL_ITERATIONS = 600_000

ENCRYPTION_KEY, IV, MAC_KEY = 1, 2, 3  # RFC 7292, appendix B.3


@dataclass(slots=True)
class Work:
    """The rounds of hashing that were done for one file, and other work in the same measure (about 1 µs)."""

    done: int = 0

    def spend(self, iterations: int) -> None:
        """Count rounds before they are done. Raises TooManyIterations."""
        self.done += iterations
        if self.done > MAX_ALL_ITERATIONS:
            raise TooManyIterations(self.done, MAX_ALL_ITERATIONS)


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a key is made from a password: by PBKDF2, or by the way of PKCS#12."""

    digest: str
    salt: bytes
    iterations: int
    pbkdf2: bool

    def key(self, purpose: int, size: int, password: str | None, work: Work) -> bytes:
        """Derive *size* octets; *purpose* is of the way of PKCS#12 alone. Raises TooManyIterations."""
        length = hashlib.new(self.digest, usedforsecurity=False).digest_size
        work.spend(self.iterations * -(-size // length))
        if self.pbkdf2:
            return hashlib.pbkdf2_hmac(self.digest, _octets(password), self.salt, self.iterations, size)
        return _pkcs12_key(self, purpose, size, password)


def _octets(password: str | None) -> bytes:
    return (password or "").encode("utf-8", "surrogatepass")


def _pkcs12_key(how: Derivation, purpose: int, size: int, password: str | None) -> bytes:
    """RFC 7292, appendix B.2; no password at all is none of two zero octets."""
    block = 128 if how.digest in ("sha384", "sha512") else 64
    secret = b"" if password is None else password.encode("utf-16-be", "surrogatepass") + b"\0\0"
    make = getattr(hashlib, how.digest)  # half the time of hashlib.new
    mixed = _stretched(how.salt, block) + _stretched(secret, block)
    key = b""
    while True:
        digest = bytes([purpose]) * block + mixed
        for _ in range(how.iterations):
            digest = make(digest, usedforsecurity=False).digest()
        key += digest
        if len(key) >= size:
            return key[:size]
        added = int.from_bytes(_stretched(digest, block)[:block], "big") + 1
        pieces = (int.from_bytes(mixed[at : at + block], "big") for at in range(0, len(mixed), block))
        mixed = b"".join(((piece + added) % (1 << 8 * block)).to_bytes(block, "big") for piece in pieces)


def _stretched(octets: bytes, block: int) -> bytes:
    size = -(-len(octets) // block) * block
    return (octets * (size // len(octets) + 1))[:size] if octets else b""
