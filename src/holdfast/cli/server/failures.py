"""
Failures of commands that work on a local data directory, as messages.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.cli.failures import CommandFailed
from holdfast.network.sockets import CannotStart
from holdfast.store.errors import StoreFailure, explain_unwritable


@contextmanager
def failures_in_words() -> Iterator[None]:
    """Raise CommandFailed with a message if the data directory, its files or settings can't be used."""
    try:
        yield
    except (CannotStart, StoreFailure) as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        if failure := explain_unwritable(error):
            raise CommandFailed(str(failure)) from error
        if error.filename is None:
            raise
        text = f"Can't use {error.filename}: {error.strerror}. Holdfast's user needs read and write permission."
        raise CommandFailed(text) from error
