"""
Validation of several values at once.
"""

from collections.abc import Callable
from typing import TypeVar

from holdfast.apis.errors import InvalidField, InvalidFields

T = TypeVar("T")
V = TypeVar("V")


class Check:
    """Collects the errors of several fields, to report them together."""

    def __init__(self) -> None:
        self._errors: list[InvalidField] = []

    def __call__(self, check: Callable[[V], T], value: V) -> T | None:
        """Return the result of *check* for *value*, or None if it raises InvalidField."""
        try:
            return check(value)
        except InvalidField as error:
            self._errors.append(error)
            return None

    def add(self, field: str, message: str) -> None:
        """Add an error of *field*."""
        self._errors.append(InvalidField(field, message))

    def finish(self) -> None:
        """Raise InvalidFields if there were errors."""
        if self._errors:
            raise InvalidFields(self._errors)
