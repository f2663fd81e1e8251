"""
The file with the enrollment keys. It is read for each machine that joins, so a new key needs no restart.
"""

from collections.abc import Callable
from pathlib import Path

import structlog

from holdfast.apis.gateways.enrollment_key import EnrollmentKey, UnusableEnrollmentKeys, read_enrollment_keys
from holdfast.network.sockets import CannotStart

log = structlog.get_logger()
MAX_SIZE = 16 * 1024  # characters


def open_enrollment_keys(file: Path | None) -> Callable[[], tuple[EnrollmentKey, ...]]:
    """Return a function that reads the keys; without a *file*, there are none. Raises CannotStart."""
    if file is None:
        return tuple
    path = file.expanduser()
    try:
        _read(path)
    except UnusableEnrollmentKeys as error:
        raise CannotStart(f"HOLDFAST_ENROLLMENT_KEY_FILE: {error}") from error
    return lambda: _read_or_log(path)


def _read(path: Path) -> tuple[EnrollmentKey, ...]:
    try:
        with path.open(encoding="ascii") as source:
            return read_enrollment_keys(source.read(MAX_SIZE))
    except OSError as error:
        raise UnusableEnrollmentKeys(f"Can't read {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise UnusableEnrollmentKeys(f"{path} doesn't contain enrollment keys.") from None
    except UnusableEnrollmentKeys as error:
        raise UnusableEnrollmentKeys(f"{path}: {error}") from None


def _read_or_log(path: Path) -> tuple[EnrollmentKey, ...]:
    try:
        return _read(path)
    except UnusableEnrollmentKeys as error:
        log.error("enrollment keys can't be used, so no gateway joins with one", why=str(error))
        return ()
