"""
Reads stored values that damage to the database may have made unreadable.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

import structlog

from holdfast.certificates.certificate import Certificate, read_certificate

log = structlog.get_logger()
T = TypeVar("T")
Choice = TypeVar("Choice", bound=StrEnum)
_collected: ContextVar[list[str] | None] = ContextVar("unreadable values", default=None)


@contextmanager
def collect_unreadable() -> Iterator[list[str]]:
    """Yield a list that gets the names of values that can't be read within the block, instead of the log."""
    values: list[str] = []
    token = _collected.set(values)
    try:
        yield values
    finally:
        _collected.reset(token)


def read_stored(read: Callable[[], T], what: str, organization: str, **name: str) -> T | None:
    """
    Return what *read* returns; None if the value can't be read, which is logged once.

    So damage affects only its own object. *what*, *organization* and *name* say in the log which one that is.
    """
    try:
        return read()
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        why = str(error) or type(error).__name__
        _report(what, f"{what} cannot be read", organization=organization, **name, why=why)
        return None


def read_choice(kind: type[Choice], value: str, otherwise: Choice) -> Choice:
    """Return the member of *kind* with this *value*; *otherwise*, which is logged, if there is none."""
    try:
        return kind(value)
    except ValueError:
        _report(f"value {value!r}", "stored value is unknown", kind=kind.__name__)
        return otherwise


def read_texts(value: object) -> tuple[str, ...]:
    """Return a stored list of texts. Raises ValueError or TypeError for anything else."""
    if not (isinstance(value, list) and all(isinstance(text, str) for text in value)):
        raise ValueError("it isn't a list of texts")
    return tuple(value)


def read_members(value: object) -> dict[str, Any]:
    """Return a stored JSON object. Raises ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError("it isn't a JSON object")
    return value


def read_text_members(value: object) -> dict[str, str]:
    """Return a stored JSON object whose members are texts. Raises ValueError for anything else."""
    members = read_members(value)
    if not all(isinstance(text, str) for text in members.values()):
        raise ValueError("its members aren't texts")
    return members


def read_stored_certificate(der: bytes, fingerprint: str | None) -> Certificate:
    """
    Read a certificate that was stored with its *fingerprint* (None: without one).

    Raises ValueError if it can't be read, or was changed: most damage leaves another certificate.
    """
    certificate = read_certificate(der)
    if fingerprint is not None and certificate.fingerprint != fingerprint:
        raise ValueError("it isn't the certificate that was stored")
    return certificate


def _report(what: str, event: str, **values: str) -> None:
    collected = _collected.get()
    if collected is None:
        _log(event, **values)
    else:
        collected.append(what)


@lru_cache(1000)  # pages read the same value again and again
def _log(event: str, **values: str) -> None:
    log.error(event, **values)
