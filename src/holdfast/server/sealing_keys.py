"""
The sealing keys: in a variable, in a file that is set, or in the data directory.
"""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from holdfast.network.sockets import CannotStart
from holdfast.server.directories import replace_file
from holdfast.server.settings import Settings
from holdfast.store.sealing import Sealing, UnusableSealingKey, new_key, read_keys

KEY_FILE = "sealing-key"


def open_sealing(settings: Settings, data: Path) -> Sealing:
    """
    Return the sealing. In the data directory, the key is created when it is first needed.

    Raises:
        CannotStart: The configured key is invalid, or set twice.
    """
    if settings.sealing_key is not None and settings.sealing_key_file is not None:
        raise CannotStart("HOLDFAST_SEALING_KEY and HOLDFAST_SEALING_KEY_FILE are both set. Unset one of them.")
    file = KeyFile(data / KEY_FILE)
    if settings.sealing_key is None and settings.sealing_key_file is None and not file.path.exists():
        return Sealing(file.read_if_there, file.read_or_make)
    try:
        keys = _from_variable(settings) or KeyFile(settings.sealing_key_file or file.path).read()
    except UnusableSealingKey as error:
        raise CannotStart(str(error)) from None
    return Sealing(lambda: keys)


@contextmanager
def rotate_key(settings: Settings, data: Path) -> Iterator[Sealing]:
    """
    Return a sealing that encrypts with a new key and decrypts with old ones; remove the old keys if the block succeeds.

    Until then, the file contains all keys, so that after a crash everything can still be decrypted.

    Raises:
        CannotStart: The key is in a variable, which Holdfast can't change, or the file can't be written.
    """
    sealing = open_sealing(settings, data)
    variable = _from_variable(settings)
    if variable:
        if len(variable) == 1:
            raise CannotStart(
                "HOLDFAST_SEALING_KEY contains one key, and Holdfast can't change the variable. Set it to NEW,OLD, "
                "where NEW is the output of `openssl rand -base64 32`, run this command again, then set it to NEW."
            )
        yield sealing
        return
    file = KeyFile(settings.sealing_key_file or data / KEY_FILE)
    try:
        keys = (new_key(), *file.read_or_make())
        file.write(keys)
        yield Sealing(lambda: keys)
        file.write(keys[:1])
    except (OSError, UnusableSealingKey) as error:
        raise CannotStart(f"Can't write {file.path}: {getattr(error, 'strerror', None) or error}.") from error


def _from_variable(settings: Settings) -> tuple[bytes, ...]:
    if settings.sealing_key is None:
        return ()
    return read_keys(settings.sealing_key.get_secret_value(), "HOLDFAST_SEALING_KEY")


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
            self.write([new_key()])
        return self.read()

    def write(self, keys: Sequence[bytes]) -> None:
        """Replace the content of the file by *keys*, atomically. Raises OSError."""
        replace_file(self.path, b"".join(base64.b64encode(key) + b"\n" for key in keys))
