"""
Several values judged together.
"""

from collections.abc import Callable
from typing import TypeVar

from holdfast.apis.errors import InvalidField, InvalidFields

T = TypeVar("T")
V = TypeVar("V")


class Check:
    """Collects what is wrong with several fields, so that all of it is said at once."""

    def __init__(self) -> None:
        self._errors: list[InvalidField] = []

    def __call__(self, check: Callable[[V], T], value: V) -> T | None:
        """Give what *check* makes of *value*, None when it raises InvalidField."""
        try:
            return check(value)
        except InvalidField as error:
            self._errors.append(error)
            return None

    def add(self, field: str, message: str) -> None:
        """Note what is wrong with *field* beside other values."""
        self._errors.append(InvalidField(field, message))

    def finish(self) -> None:
        """Raise InvalidFields when anything was wrong."""
        if self._errors:
            raise InvalidFields(self._errors)
