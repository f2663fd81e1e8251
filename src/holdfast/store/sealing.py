"""
Secrets at rest: sealed by AES-256-GCM with keys that are kept apart from the database.

The first of the keys seals, all of them open, so that a key can be changed while everything stays readable.
"""

import base64
import binascii
import contextlib
import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.refusals import Refusal

MAX_KEYS = 16
_KEY_SIZE, _ID_SIZE, _NONCE_SIZE = 32, 8, 12
_FORMAT = b"\1"  # before the id of the key, the nonce, and what AES-GCM made


class CannotUnseal(Refusal):
    """None of the keys opens what was sealed: it was changed or moved, or its key is gone; *why* says which."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"A private key cannot be opened: {why}. Put the sealing key back that was there, or begin with a new key."
        )


class UnusableSealingKey(ValueError):
    """What should be sealing keys is none; the text is for people and never says what it is."""


class Sealing:
    """Seals and opens secrets, each for one row of one organization."""

    def __init__(self, keys: Callable[[], Sequence[bytes]], make: Callable[[], Sequence[bytes]] | None = None) -> None:
        """
        *keys* gives the keys, the one that seals first; it is asked when one is needed, until it has some.

        *make* makes the first one, when something is to be sealed and there is none.
        """
        self._find, self._make = keys, make
        self._keys: tuple[tuple[bytes, AESGCM], ...] = ()
        self._lock = threading.Lock()

    def seal(self, secret: bytes, organization: str, row: str) -> bytes:
        """Seal *secret* so that it opens only as that of *row* (an id) of *organization*."""
        key_id, key = self._opened(self._make or self._find)[0]
        nonce = secrets.token_bytes(_NONCE_SIZE)
        head = _FORMAT + key_id
        return head + nonce + key.encrypt(nonce, secret, _context(head, organization, row))

    def open(self, sealed: bytes, organization: str, row: str) -> bytes:
        """Give back what was sealed for *row* of *organization*. Raises CannotUnseal, UnusableSealingKey."""
        head, rest = sealed[: len(_FORMAT) + _ID_SIZE], sealed[len(_FORMAT) + _ID_SIZE :]
        for key_id, key in self._opened(self._find):
            if head == _FORMAT + key_id:
                with contextlib.suppress(InvalidTag, ValueError):
                    return key.decrypt(rest[:_NONCE_SIZE], rest[_NONCE_SIZE:], _context(head, organization, row))
                raise CannotUnseal("it was changed, or moved here from elsewhere") from None
        raise CannotUnseal("the sealing key that it was sealed with is not here")

    def _opened(self, source: Callable[[], Sequence[bytes]]) -> tuple[tuple[bytes, AESGCM], ...]:
        with self._lock:
            if not self._keys:
                self._keys = tuple((_id_of(key), AESGCM(key)) for key in source())
            return self._keys


def new_key() -> bytes:
    """Make a sealing key."""
    return secrets.token_bytes(_KEY_SIZE)


def read_keys(text: str, where: str) -> tuple[bytes, ...]:
    """Read keys: 32 bytes in base64 each, commas or blanks between. Raises UnusableSealingKey, naming *where*."""
    words = text.replace(",", " ").split()
    if not 1 <= len(words) <= MAX_KEYS:
        raise UnusableSealingKey(f"{where} holds {len(words)} sealing keys; 1 to {MAX_KEYS} are possible.")
    return tuple(_key(word, where) for word in words)


def _key(word: str, where: str) -> bytes:
    try:
        key = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_SIZE:
        # Without the cause: it would show what was read.
        raise UnusableSealingKey(
            f"{where} is no sealing key: {_KEY_SIZE} random bytes in base64, as `openssl rand -base64 32` writes them."
        ) from None
    return key


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"holdfast sealing key\0" + key).digest()[:_ID_SIZE]


def _context(head: bytes, organization: str, row: str) -> bytes:
    return head + json.dumps([organization, row]).encode()
