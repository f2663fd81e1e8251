"""
Where the sealing keys are: in a variable, in a file of one's own, or in the data directory.
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
    Give what seals and opens; in the data directory, the key is made when the first is needed.

    Raises:
        CannotStart: What was given is no key, or given twice.
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
    Give what opens with the old keys and seals with a new one; when the block has ended well, the old ones are gone.

    In between the file holds all of them, so that whatever happens, everything sealed can be opened.

    Raises:
        CannotStart: The key comes from a variable, which nobody can change from here, or the file cannot be written.
    """
    sealing = open_sealing(settings, data)
    variable = _from_variable(settings)
    if variable:
        if len(variable) == 1:
            raise CannotStart(
                "HOLDFAST_SEALING_KEY holds one key, and a variable cannot be changed from here. Set it to NEW,OLD, "
                "where NEW is what `openssl rand -base64 32` writes, run this again, then set it to NEW."
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
        raise CannotStart(f"{file.path} cannot be written: {getattr(error, 'strerror', None) or error}.") from error


def _from_variable(settings: Settings) -> tuple[bytes, ...]:
    if settings.sealing_key is None:
        return ()
    return read_keys(settings.sealing_key.get_secret_value(), "HOLDFAST_SEALING_KEY")


class KeyFile:
    """A file of sealing keys, one a line, that only its owner may read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[bytes, ...]:
        """Read the keys. Raises UnusableSealingKey."""
        try:
            return read_keys(self.path.read_text("ascii"), str(self.path))
        except OSError as error:
            raise UnusableSealingKey(f"{self.path} cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError:
            raise UnusableSealingKey(f"{self.path} holds no sealing keys.") from None

    def read_if_there(self) -> tuple[bytes, ...]:
        """Read the keys, none where there is no file. Raises UnusableSealingKey."""
        return self.read() if self.path.exists() else ()

    def read_or_make(self) -> tuple[bytes, ...]:
        """Read the keys; make the file with a new one where there is none. Raises UnusableSealingKey."""
        if not self.path.exists():
            self.write([new_key()])
        return self.read()

    def write(self, keys: Sequence[bytes]) -> None:
        """Put *keys* in the place of what the file holds: after a crash it holds all of either. Raises OSError."""
        replace_file(self.path, b"".join(base64.b64encode(key) + b"\n" for key in keys))
