"""
Reads stored values that damage to the database may have made unreadable.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import TypeVar

import structlog

from holdfast.certificates.certificate import Certificate, read_certificate

log = structlog.get_logger()
T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)


def read_stored(read: Callable[[], T], what: str, organization: str, **name: str) -> T | None:
    """
    Return what *read* returns; None if the value can't be read, which is logged once.

    So damage affects only its own object. *what*, *organization* and *name* say in the log which one that is.
    """
    try:
        return read()
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        _log(f"{what} cannot be read", organization=organization, **name, why=str(error) or type(error).__name__)
        return None


def read_choice(kind: type[Choice], value: str, otherwise: Choice) -> Choice:
    """Return the member of *kind* with this *value*; *otherwise*, which is logged, if there is none."""
    try:
        return kind(value)
    except ValueError:
        _log("stored value is unknown", kind=kind.__name__)
        return otherwise


def read_stored_certificate(der: bytes, fingerprint: str | None) -> Certificate:
    """
    Read a certificate that was stored with its *fingerprint* (None: without one).

    Raises ValueError if it can't be read, or was changed: most damage leaves another certificate.
    """
    certificate = read_certificate(der)
    if fingerprint is not None and certificate.fingerprint != fingerprint:
        raise ValueError("it isn't the certificate that was stored")
    return certificate


@lru_cache(1000)  # pages read the same value again and again
def _log(event: str, **values: str) -> None:
    log.error(event, **values)
