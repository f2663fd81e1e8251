"""
Passwords: which ones can be chosen, their hashes (argon2id), and checking one without telling who exists.
"""

import re
import secrets
import threading
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from holdfast.apis.errors import InvalidField

MIN_PASSWORD = 12  # characters
MAX_PASSWORD = 1_024  # characters; more would only cost us time
AT_ONCE = 2  # hashes made at the same time: each takes 64 MiB
_COMMON = Path(__file__).parent / "common_passwords/list.txt"
_REPEATED = re.compile(r"(.+?)\1+", re.DOTALL)
_ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")


def check_password(password: str, user: str, field: str = "password") -> str:
    """
    Give *password* back if *user* can choose it: long enough, and not what is guessed first.

    Raises:
        InvalidField: It is too short, too long, a short piece repeated, the user's name or a common password, also with
            digits and marks around it.
    """
    if len(password) < MIN_PASSWORD:
        raise InvalidField(field, f"It is shorter than {MIN_PASSWORD} characters. Several words make a good password.")
    if len(password) > MAX_PASSWORD:
        raise InvalidField(field, f"It is longer than {MAX_PASSWORD} characters.")
    plain = password.casefold()
    repeated = _REPEATED.fullmatch(plain)
    if repeated and len(repeated[1]) < MIN_PASSWORD:
        raise InvalidField(field, "It is one short piece, again and again. Several different words are better.")
    core = _ENDS.sub("", plain)
    if {core, plain} & {user.casefold(), user.casefold().partition("@")[0]}:
        raise InvalidField(field, "It is the user name. Choose one that nobody can guess.")
    if {core, plain} & _common() or plain.isdigit():
        raise InvalidField(field, "It is a common password, or one with digits around it. Choose several words.")
    return password


class Passwords:
    """Makes hashes of passwords and compares with them, two at a time; who calls, waits for their turn."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()  # argon2id, the library's parameters (RFC 9106, low-memory profile)
        self._turn = threading.BoundedSemaphore(AT_ONCE)
        self.nobody = self.hash(secrets.token_urlsafe())  # what those who do not exist are compared with

    def hash(self, password: str) -> str:
        """Make the hash that is stored."""
        with self._turn:
            return self._hasher.hash(password)

    def matches(self, password_hash: str, password: str) -> bool:
        """Say whether *password* is the one that *password_hash* was made of."""
        if len(password) > MAX_PASSWORD:
            return False
        try:
            with self._turn:
                return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False


@cache
def _common() -> frozenset[str]:
    return frozenset(_COMMON.read_text("utf-8").split())
