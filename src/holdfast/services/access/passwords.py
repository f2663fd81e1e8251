"""
Passwords: which ones are allowed, and their hashes (argon2id).
"""

import re
import secrets
import threading
from base64 import b64encode
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from holdfast.apis.errors import InvalidField

MIN_PASSWORD = 12  # characters
MAX_PASSWORD = 1_024  # characters; longer ones would only cost time
AT_ONCE = 2  # hashes computed at the same time; each takes 64 MiB
_COMMON = Path(__file__).parent / "common_passwords/list.txt"
_REPETITION = re.compile(r"(.+?)\1+", re.DOTALL)
_ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def check_password(password: str, user: str, field: str = "password") -> str:
    """
    Return *password* if *user* may choose it.

    Raises:
        InvalidField: It is too short, too long or a short piece repeated, or it is the user's name or a common
            password, possibly surrounded by digits and punctuation.
    """
    if len(password) < MIN_PASSWORD:
        raise InvalidField(field, f"Use at least {MIN_PASSWORD} characters. A passphrase of several words works well.")
    if len(password) > MAX_PASSWORD:
        raise InvalidField(field, f"Use at most {MAX_PASSWORD} characters.")
    plain = password.casefold()
    repetition = _REPETITION.fullmatch(plain)
    if repetition and len(repetition[1]) < MIN_PASSWORD:
        raise InvalidField(field, "This repeats a short pattern, which is easy to guess. Use several different words.")
    core = _ENDS.sub("", plain)
    if {core, plain} & {user.casefold(), user.casefold().partition("@")[0]}:
        raise InvalidField(field, "This is the user name. Choose a password that nobody can guess.")
    if {core, plain} & _load_common() or plain.isdigit():
        raise InvalidField(field, "This is a common password, or one with digits around it. Use several words.")
    return password


class Passwords:
    """Hashes and verifies passwords, two at a time; callers block until it is their turn."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()  # argon2id, the library's parameters (RFC 9106, low-memory profile)
        self._turn = threading.BoundedSemaphore(AT_ONCE)
        # Compared with if the user doesn't exist, which takes just as long.
        self.nobody = _make_unmatched_hash(self._hasher)

    def hash(self, password: str) -> str:
        """Return the hash to store."""
        with self._turn:
            return self._hasher.hash(password)

    def matches(self, password_hash: str, password: str) -> bool:
        """Return whether *password_hash* is a hash of *password*."""
        if len(password) > MAX_PASSWORD:
            return False
        try:
            with self._turn:
                return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


def _make_unmatched_hash(hasher: PasswordHasher) -> str:
    """Return a well-formed hash that no known password has; making it takes no time, unlike hashing a random one."""
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, digest = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${digest}"


@cache
def _load_common() -> frozenset[str]:
    return frozenset(_COMMON.read_text("utf-8").split())
