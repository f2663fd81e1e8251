"""
Secrets at rest, sealed with AES-256-GCM by keys that are stored separately from the database.

The first key seals, and all keys open, so that keys can be rotated while everything stays readable.
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
_FORMAT = b"\1"  # followed by the id of the key, the nonce, and the ciphertext of AES-GCM


class CannotUnseal(Refusal):
    """None of the keys opens a secret: it was modified or moved, or its key is missing; *why* says which."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"Can't decrypt a private key: {why}. Put back the previous sealing key, or replace the private key."
        )


class UnusableSealingKey(ValueError):
    """A text does not contain sealing keys; the message is for people and never contains the text."""


class Sealing:
    """A set of sealing keys; it seals and opens secrets, each for one row of one organization."""

    def __init__(self, keys: Callable[[], Sequence[bytes]], make: Callable[[], Sequence[bytes]] | None = None) -> None:
        """
        *keys* returns the keys, the sealing one first; it is called when a key is needed, until it returns some.

        *make* creates and returns the first key, when a secret is to be sealed and there is no key.
        """
        self._find, self._make = keys, make
        self._keys: tuple[tuple[bytes, AESGCM], ...] = ()
        self._lock = threading.Lock()

    def seal(self, secret: bytes, organization: str, row: str) -> bytes:
        """Seal *secret* so that it opens only for *row* (an id) of *organization*."""
        key_id, key = self._opened(self._make or self._find)[0]
        nonce = secrets.token_bytes(_NONCE_SIZE)
        head = _FORMAT + key_id
        return head + nonce + key.encrypt(nonce, secret, _context(head, organization, row))

    def open(self, sealed: bytes, organization: str, row: str) -> bytes:
        """Return the secret that was sealed for *row* of *organization*. Raises CannotUnseal, UnusableSealingKey."""
        head, rest = sealed[: len(_FORMAT) + _ID_SIZE], sealed[len(_FORMAT) + _ID_SIZE :]
        for key_id, key in self._opened(self._find):
            if head == _FORMAT + key_id:
                with contextlib.suppress(InvalidTag, ValueError):
                    return key.decrypt(rest[:_NONCE_SIZE], rest[_NONCE_SIZE:], _context(head, organization, row))
                raise CannotUnseal("it was modified, or copied from elsewhere") from None
        raise CannotUnseal("the sealing key that it was sealed with is missing")

    def _opened(self, source: Callable[[], Sequence[bytes]]) -> tuple[tuple[bytes, AESGCM], ...]:
        with self._lock:
            if not self._keys:
                self._keys = tuple((_id_of(key), AESGCM(key)) for key in source())
            return self._keys


def new_key() -> bytes:
    """Generate a sealing key."""
    return secrets.token_bytes(_KEY_SIZE)


def read_keys(text: str, where: str) -> tuple[bytes, ...]:
    """Read sealing keys: 32 bytes in base64 each, separated by commas or spaces. Raises UnusableSealingKey."""
    words = text.replace(",", " ").split()
    if not 1 <= len(words) <= MAX_KEYS:
        raise UnusableSealingKey(f"{where} contains {len(words)} sealing keys. Use 1 to {MAX_KEYS}.")
    return tuple(_key(word, where) for word in words)


def _key(word: str, where: str) -> bytes:
    try:
        key = base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY_SIZE:
        # Without the cause, which would show the text.
        raise UnusableSealingKey(
            f"{where} is not a sealing key. Use {_KEY_SIZE} random bytes in base64, as from `openssl rand -base64 32`."
        ) from None
    return key


def _id_of(key: bytes) -> bytes:
    return hashlib.sha256(b"holdfast sealing key\0" + key).digest()[:_ID_SIZE]


def _context(head: bytes, organization: str, row: str) -> bytes:
    return head + json.dumps([organization, row]).encode()
