"""
Secrets at rest, sealed with AES-256-GCM by keys that are stored separately from the database.

The first key seals, and all keys open, so that keys can be rotated while everything stays readable.
"""

import json
import threading
from collections.abc import Callable, Sequence

from holdfast.files.sealing_keys import ID_SIZE, NotAuthentic, SealingKey, UnusableSealingKey, make_key
from holdfast.refusals import Refusal

_FORMAT = b"\1"  # followed by the id of the key, the nonce, and the ciphertext of AES-GCM


class CannotUnseal(Refusal):
    """None of the keys opens a secret: it was modified or moved, or its key is missing; *why* says which."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"Can't decrypt a secret: {why}. Put back the previous sealing key, or enter the secret again."
        )


class Sealing:
    """A set of sealing keys; it seals and opens secrets, each for one row of one organization."""

    def __init__(self, keys: Callable[[], Sequence[bytes]], make: Callable[[], Sequence[bytes]] | None = None) -> None:
        """
        *keys* returns the keys, the sealing one first; it is called when a key is needed, until it returns some.

        *make* creates and returns the first key, when a secret is to be sealed and there is no key.
        """
        self._find, self._make = keys, make
        self._keys: tuple[SealingKey, ...] = ()
        self._own = SealingKey(make_key())
        self._lock = threading.Lock()

    def seal(self, secret: bytes, organization: str, row: str) -> bytes:
        """Seal *secret* so that it opens only for *row* (an id) of *organization*."""
        key = self._open_keys(self._make or self._find)[0]
        head = _FORMAT + key.id
        return head + key.seal(secret, _write_context(head, organization, row))

    def open(self, sealed_secret: bytes, organization: str, row: str) -> bytes:
        """Return the secret that was sealed for *row* of *organization*. Raises CannotUnseal, UnusableSealingKey."""
        head, rest = sealed_secret[: len(_FORMAT) + ID_SIZE], sealed_secret[len(_FORMAT) + ID_SIZE :]
        for key in self._open_keys(self._find):
            if head == _FORMAT + key.id:
                try:
                    return key.open(rest, _write_context(head, organization, row))
                except NotAuthentic:
                    raise CannotUnseal("it was modified, or copied from elsewhere") from None
        raise CannotUnseal("the sealing key that it was sealed with is missing")

    def digest(self, text: str) -> str:
        """
        Return a digest (hex) of *text* with which nobody who has only the database can verify a guess.

        The oldest key makes it, which stays while keys are rotated; without a key, one of this process.
        """
        try:
            keys = self._open_keys(self._find)
        except UnusableSealingKey:
            keys = ()
        return (keys[-1] if keys else self._own).digest(text.encode()).hex()

    @property
    def key_ids(self) -> tuple[bytes, ...]:
        """The ids of all keys, which don't reveal them; empty until there is a key. Raises UnusableSealingKey."""
        return tuple(key.id for key in self._open_keys(self._find))

    def _open_keys(self, source: Callable[[], Sequence[bytes]]) -> tuple[SealingKey, ...]:
        with self._lock:
            if not self._keys:
                self._keys = tuple(SealingKey(key) for key in source())
            return self._keys


def _write_context(head: bytes, organization: str, row: str) -> bytes:
    return head + json.dumps([organization, row]).encode()
