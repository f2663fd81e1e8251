"""
Keys from passwords in bounded work: a little of it is done at once, more only where the caller has a place for it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.certificates.errors import TooManyIterations
from holdfast.certificates.formats.hashing import pbkdf2, pkcs12_key

MAX_ITERATIONS = 1_000_000  # of one derivation
MAX_ALL_ITERATIONS = 10_000_000  # of a file
# What is done at once: half a second, in which other threads of this process wait.
QUICK_ITERATIONS = 100_000
QUICK_ALL_ITERATIONS = 600_000

ENCRYPTION_KEY, IV, MAC_KEY = 1, 2, 3  # RFC 7292, appendix B.3


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a key is made from a password: by PBKDF2, or by the way of PKCS#12."""

    digest: str
    salt: bytes
    iterations: int
    pbkdf2: bool

    def key(self, purpose: int, size: int, password: str | None, work: "Work") -> bytes:
        """Derive *size* octets; *purpose* is of the way of PKCS#12 alone. Raises TooManyIterations."""
        length = hashlib.new(self.digest, usedforsecurity=False).digest_size
        iterations = self.iterations * -(-size // length)
        if work.derive_slowly and (self.iterations > QUICK_ITERATIONS or not work.has_room(iterations)):
            work.spend_slowly(iterations)
            return work.derive_slowly(self, purpose, size, password)
        if self.iterations > QUICK_ITERATIONS:
            raise TooManyIterations(self.iterations, QUICK_ITERATIONS)
        work.spend(iterations)
        if self.pbkdf2:
            return pbkdf2(self.digest, self.salt, self.iterations, size, password)
        return pkcs12_key(self.digest, self.salt, self.iterations, size, password, purpose)


Derive = Callable[[Derivation, int, int, str | None], bytes]


@dataclass(slots=True)
class Work:
    """
    The rounds of hashing that were done for one upload, and other work in the same measure (about 1 µs).

    *derive_slowly* derives keys with many rounds, with the arguments of `Derivation.key`; without it, they are refused.
    """

    derive_slowly: Derive | None = None
    done: int = 0
    done_slowly: int = 0

    def has_room(self, iterations: int) -> bool:
        """Say whether so many more rounds may be done at once."""
        return self.done + iterations <= QUICK_ALL_ITERATIONS

    def spend(self, iterations: int) -> None:
        """Count rounds that are done at once, before they are done. Raises TooManyIterations."""
        self.done += iterations
        if self.done > QUICK_ALL_ITERATIONS:
            raise TooManyIterations(self.done, QUICK_ALL_ITERATIONS)

    def spend_slowly(self, iterations: int) -> None:
        """Count rounds that are done elsewhere, before they are done. Raises TooManyIterations."""
        self.done_slowly += iterations
        if self.done_slowly > MAX_ALL_ITERATIONS:
            raise TooManyIterations(self.done_slowly, MAX_ALL_ITERATIONS)
