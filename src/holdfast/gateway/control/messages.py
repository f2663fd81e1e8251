"""
The form of messages on the control stream: JSON objects with a *kind*, and how they are read.

Both sides ignore kinds and members that they don't know, because their versions can differ. Everything else is strict:
an agent may be malicious.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, NoReturn, Protocol, Self, TypeVar

METHOD = "/holdfast.gateway.v1.Control/Follow"
MAX_ID = 2**53 - 1  # the largest integer that every JSON reader keeps


class MalformedMessage(ValueError):
    """A message that can't be read; the text says what is wrong, without the message's content."""


class Message(Protocol):
    """A message of one *kind*."""

    KIND: ClassVar[str]

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""

    @classmethod
    def from_members(cls, members: "Members") -> Self:
        """Return the message with these *members*. Raises MalformedMessage."""


M = TypeVar("M", bound=Message)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Members:
    """The members of a JSON object, read strictly: each method raises MalformedMessage."""

    values: Mapping[str, Any]

    def read_text(self, name: str, longest: int) -> str:
        """Return a text of at most *longest* characters."""
        value = self._read_value(name, str)
        if len(value) > longest:
            raise MalformedMessage(f"{name} is too long")
        # JSON can contain half of a surrogate pair, which UTF-8 and databases can't.
        return value.encode("utf-8", "replace").decode()

    def read_matching(self, name: str, pattern: re.Pattern[str], longest: int) -> str:
        """Return a text that *pattern* matches completely."""
        value = self.read_text(name, longest)
        if not pattern.fullmatch(value):
            raise MalformedMessage(f"{name} has another form")
        return value

    def read_number(self, name: str, highest: int = MAX_ID) -> int:
        """Return an integer from 0 to *highest*."""
        value = self._read_value(name, int)
        if not 0 <= value <= highest:
            raise MalformedMessage(f"{name} is out of range")
        return value

    def read_seconds(self, name: str, highest: float) -> float:
        """Return a duration from 0 to *highest*, in seconds."""
        value = self._read_decimal(name)
        if not 0 <= value <= highest:
            raise MalformedMessage(f"{name} is out of range")
        return float(value)

    def read_flag(self, name: str) -> bool:
        """Return true or false."""
        return self._read_value(name, bool)

    def read_time(self, name: str) -> datetime:
        """Return a time (aware, UTC), which JSON gives in seconds since 1970."""
        value = self._read_decimal(name)
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise MalformedMessage(f"{name} is not a time") from error

    def read_bytes(self, name: str, longest: int) -> bytes:
        """Return at most *longest* bytes, which JSON gives in base64."""
        return _decode(name, self.read_text(name, longest * 4 // 3 + 4))

    def read_objects(self, name: str, most: int) -> "list[Members]":
        """Return a list of at most *most* objects."""
        items = self._read_items(name, most)
        if not all(isinstance(item, dict) for item in items):
            raise MalformedMessage(f"{name} holds something else than objects")
        return [Members(item) for item in items]

    def read_integers(self, name: str, most: int, highest: int) -> tuple[int, ...]:
        """Return a list of at most *most* integers from 0 to *highest*."""
        return tuple(Members({name: item}).read_number(name, highest) for item in self._read_items(name, most))

    def read_texts(self, name: str, most: int, longest: int) -> tuple[str, ...]:
        """Return a list of at most *most* texts of at most *longest* characters."""
        return tuple(Members({name: item}).read_text(name, longest) for item in self._read_items(name, most))

    def read_byte_strings(self, name: str, most: int, longest: int) -> tuple[bytes, ...]:
        """Return a list of at most *most* byte strings of at most *longest* bytes."""
        return tuple(Members({name: item}).read_bytes(name, longest) for item in self._read_items(name, most))

    def _read_items(self, name: str, most: int) -> list[Any]:
        items: list[Any] = self._read_value(name, list)
        if len(items) > most:
            raise MalformedMessage(f"{name} has too many items")
        return items

    def _read_decimal(self, name: str) -> float:
        value = self.values.get(name)
        return value if isinstance(value, float) else self._read_value(name, int)

    def _read_value(self, name: str, kind: type[T]) -> T:
        value = self.values.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise MalformedMessage(f"{name} is missing or has the wrong type")
        return value


def write(message: Message) -> bytes:
    """Return *message* as bytes."""
    return json.dumps({"kind": message.KIND} | message.to_members(), separators=(",", ":")).encode()


def read(data: bytes, kinds: Mapping[str, type[M]], longest: int) -> M | None:
    """
    Return the message in *data*; None if its kind isn't one of *kinds*.

    Raises:
        MalformedMessage: It is longer than *longest* bytes, or it can't be read.
    """
    if len(data) > longest:
        raise MalformedMessage("the message is too long")
    try:
        values = json.loads(data, parse_constant=_reject, parse_float=_check_finite)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage("the message is not JSON") from error
    if not isinstance(values, dict):
        raise MalformedMessage("the message is not an object")
    kind = kinds.get(Members(values).read_text("kind", 100))
    return kind.from_members(Members(values)) if kind else None


def encode(data: bytes) -> str:
    """Return *data* in base64, as `Members.read_bytes` reads it."""
    return base64.b64encode(data).decode("ascii")


def _decode(name: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedMessage(f"{name} is not base64") from error


def _check_finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        _reject(text)
    return number


def _reject(text: str) -> NoReturn:
    raise ValueError(text)
