"""
Keys that encrypt what Holdfast stores (AES-256-GCM), and the files that contain them.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from holdfast.files.replacement import replace_file

MAX_KEYS = 16
ID_SIZE = 8  # bytes
_KEY_SIZE, _NONCE_SIZE = 32, 12


class UnusableSealingKey(ValueError):
    """A text does not contain sealing keys; the message is for people and never contains the text."""


class NotAuthentic(Exception):
    """Sealed content was modified, or sealed with another key or in another context."""


class SealingKey:
    """A key, and the id that tells it from other keys without revealing it."""

    def __init__(self, key: bytes) -> None:
        """*key* is 32 random bytes."""
        self.id = hashlib.sha256(b"holdfast sealing key\0" + key).digest()[:ID_SIZE]
        self._cipher = AESGCM(key)
        self._digest_key = hashlib.sha256(b"holdfast digest key\0" + key).digest()

    def seal(self, content: bytes, context: bytes) -> bytes:
        """Return a nonce and the encrypted content, which can be opened only in the same *context*."""
        nonce = secrets.token_bytes(_NONCE_SIZE)
        return nonce + self._cipher.encrypt(nonce, content, context)

    def open(self, content: bytes, context: bytes) -> bytes:
        """Return what was sealed in *context*. Raises NotAuthentic."""
        try:
            return self._cipher.decrypt(content[:_NONCE_SIZE], content[_NONCE_SIZE:], context)
        except (InvalidTag, ValueError):
            raise NotAuthentic from None

    def digest(self, content: bytes) -> bytes:
        """Return a digest (32 bytes) of *content* that nobody without the key can compute."""
        return hmac.digest(self._digest_key, content, hashlib.sha256)


def make_key() -> bytes:
    """Generate a sealing key."""
    return secrets.token_bytes(_KEY_SIZE)


def read_keys(text: str, where: str) -> tuple[bytes, ...]:
    """Read sealing keys: 32 bytes in base64 each, separated by commas or spaces. Raises UnusableSealingKey."""
    words = text.replace(",", " ").split()
    if not 1 <= len(words) <= MAX_KEYS:
        raise UnusableSealingKey(f"{where} contains {len(words)} sealing keys. Use 1 to {MAX_KEYS}.")
    return tuple(_read_key(word, where) for word in words)


def write_keys(keys: Sequence[bytes]) -> bytes:
    """Return the text of *keys*, one per line, for `read_keys`."""
    return b"".join(base64.b64encode(key) + b"\n" for key in keys)


def _read_key(word: str, where: str) -> bytes:
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


class KeyFile:
    """A file of sealing keys, one per line, readable only for its owner."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[bytes, ...]:
        """Read the keys. Raises UnusableSealingKey."""
        try:
            return read_keys(self.path.read_text("ascii"), str(self.path))
        except OSError as error:
            raise UnusableSealingKey(f"Can't read {self.path}: {error.strerror}.") from error
        except UnicodeDecodeError:
            raise UnusableSealingKey(f"{self.path} doesn't contain sealing keys.") from None

    def read_if_there(self) -> tuple[bytes, ...]:
        """Read the keys, none if there is no file. Raises UnusableSealingKey."""
        return self.read() if self.path.exists() else ()

    def read_or_make(self) -> tuple[bytes, ...]:
        """Read the keys; create the file with a new key if there is none. Raises UnusableSealingKey."""
        if not self.path.exists():
            self.write([make_key()])
        return self.read()

    def write(self, keys: Sequence[bytes]) -> None:
        """Replace the content of the file by *keys*, atomically. Raises OSError."""
        replace_file(self.path, write_keys(keys))
