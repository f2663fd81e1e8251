"""
Key derivation from passwords with bounded work: little is done at once, more only if the caller provides for it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.certificates.errors import TooManyIterations
from holdfast.certificates.formats.hashing import derive_pbkdf2, derive_pkcs12

MAX_ITERATIONS = 1_000_000  # per derivation
MAX_ALL_ITERATIONS = 10_000_000  # per file
# Limits for work done at once: half a second, during which other threads of this process wait.
QUICK_ITERATIONS = 100_000
QUICK_ALL_ITERATIONS = 600_000

ENCRYPTION_KEY, IV, MAC_KEY = 1, 2, 3  # RFC 7292, appendix B.3


@dataclass(frozen=True, slots=True)
class Derivation:
    """Parameters for deriving a key from a password: with PBKDF2, or with the method of PKCS#12."""

    digest: str
    salt: bytes
    iterations: int
    pbkdf2: bool

    def derive_key(self, purpose: int, size: int, password: str | None, work: "Work") -> bytes:
        """Derive *size* octets; only the method of PKCS#12 uses *purpose*. Raises TooManyIterations."""
        length = hashlib.new(self.digest, usedforsecurity=False).digest_size
        iterations = self.iterations * -(-size // length)
        if work.derive_slowly and (self.iterations > QUICK_ITERATIONS or not work.has_room(iterations)):
            work.spend_slowly(iterations)
            return work.derive_slowly(self, purpose, size, password)
        if self.iterations > QUICK_ITERATIONS:
            raise TooManyIterations(self.iterations, QUICK_ITERATIONS)
        work.spend(iterations)
        if self.pbkdf2:
            return derive_pbkdf2(self.digest, self.salt, self.iterations, size, password)
        return derive_pkcs12(self.digest, self.salt, self.iterations, size, password, purpose)


Derive = Callable[[Derivation, int, int, str | None], bytes]


@dataclass(slots=True)
class Work:
    """
    The rounds of hashing done for one upload; other work is counted in the same unit (about 1 µs).

    *derive_slowly* derives keys with many rounds. Its arguments are the derivation, purpose, size and password; without
    it, such keys are refused.
    """

    derive_slowly: Derive | None = None
    done: int = 0
    done_slowly: int = 0

    def has_room(self, iterations: int) -> bool:
        """Return whether *iterations* more rounds may be done at once."""
        return self.done + iterations <= QUICK_ALL_ITERATIONS

    def spend(self, iterations: int) -> None:
        """Count rounds that are about to be done at once. Raises TooManyIterations."""
        self.done += iterations
        if self.done > QUICK_ALL_ITERATIONS:
            raise TooManyIterations(self.done, QUICK_ALL_ITERATIONS)

    def spend_slowly(self, iterations: int) -> None:
        """Count rounds that are about to be done by *derive_slowly*. Raises TooManyIterations."""
        self.done_slowly += iterations
        if self.done_slowly > MAX_ALL_ITERATIONS:
            raise TooManyIterations(self.done_slowly, MAX_ALL_ITERATIONS)
