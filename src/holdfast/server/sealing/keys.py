"""
The sealing keys: in a variable, in a file that is set, or in the data directory.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from holdfast.files.sealing_keys import MAX_KEYS, KeyFile, UnusableSealingKey, make_key, read_keys
from holdfast.network.sockets import CannotStart
from holdfast.server.settings import Settings
from holdfast.store.errors import StoreUncertain
from holdfast.store.sealing import Sealing

KEY_FILE = "sealing-key"
SEALING_KEY = "HOLDFAST_SEALING_KEY"


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
        keys = _read_variable(settings) or KeyFile(settings.sealing_key_file or file.path).read()
    except UnusableSealingKey as error:
        raise CannotStart(str(error)) from None
    return Sealing(lambda: keys)


def digest_sealing(sealing: Sealing) -> str:
    """Return a digest of the sealing keys, whatever their order, for other control planes."""
    return hashlib.sha256(b"".join(sorted(sealing.key_ids))).hexdigest()[:16]


@contextmanager
def rotate_key(settings: Settings, data: Path) -> Iterator[Sealing]:
    """
    Return a sealing that encrypts with a new key and decrypts with old ones; remove the old keys if the block succeeds.

    Until then, the file contains all keys, so that after a crash everything can still be decrypted.

    Raises:
        CannotStart: The key is in a variable, which Holdfast can't change, or the file can't be written.
    """
    sealing = open_sealing(settings, data)
    variable = _read_variable(settings)
    if variable:
        if len(variable) == 1:
            raise CannotStart(
                "HOLDFAST_SEALING_KEY contains one key, and Holdfast can't change the variable. Set it to NEW,OLD, "
                "where NEW is the output of `openssl rand -base64 32`, run this command again, then set it to NEW."
            )
        yield sealing
        return
    file = _find_key_file(settings, data)
    try:
        keys = (make_key(), *file.read_or_make())
        file.write(keys)
        yield Sealing(lambda: keys)
        file.write(keys[:1])
    except (OSError, UnusableSealingKey) as error:
        raise CannotStart(f"Can't write {file.path}: {getattr(error, 'strerror', None) or error}.") from error


def read_all_keys(settings: Settings, data: Path) -> tuple[bytes, ...]:
    """Return the sealing keys, the sealing one first; none if none was needed yet. Raises CannotStart."""
    open_sealing(settings, data)  # checks the settings
    try:
        return _read_variable(settings) or _find_key_file(settings, data).read_if_there()
    except UnusableSealingKey as error:
        raise CannotStart(str(error)) from None


def merge_keys(settings: Settings, data: Path, others: Sequence[bytes]) -> tuple[bytes, ...]:
    """
    Return the sealing keys, with those of *others* first unless they are there already.

    Keys in a variable stay as they are, because Holdfast can't change it. Raises CannotStart.
    """
    own = read_all_keys(settings, data)
    if settings.sealing_key is not None or set(others) <= set(own):
        return own
    return (*others, *(key for key in own if key not in others))[:MAX_KEYS]


@contextmanager
def open_added_keys(settings: Settings, data: Path, keys: Sequence[bytes]) -> Iterator[Path | None]:
    """
    Write *keys* from `merge_keys` to the key file, and return its path, or None if it has them already.

    If the block fails, the file is as before, except with StoreUncertain: it may have succeeded. Raises CannotStart.
    """
    own, file = read_all_keys(settings, data), _find_key_file(settings, data)
    if tuple(keys) == own:
        yield None
        return
    try:
        file.write(keys)
    except OSError as error:
        raise CannotStart(
            f"Can't write the sealing key to {file.path}: {error.strerror}. Nothing was restored. Write the key from "
            "the backup to it yourself (`tar -xOf BACKUP sealing-key`), and restore again."
        ) from error
    try:
        yield file.path
    except StoreUncertain:
        raise
    except Exception:
        if own:
            file.write(own)
        else:
            file.path.unlink()
        raise


def _find_key_file(settings: Settings, data: Path) -> KeyFile:
    return KeyFile(settings.sealing_key_file or data / KEY_FILE)


def _read_variable(settings: Settings) -> tuple[bytes, ...]:
    if settings.sealing_key is None:
        return ()
    return read_keys(settings.sealing_key.get_secret_value(), SEALING_KEY)
