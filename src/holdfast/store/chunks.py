"""Values for the statements of a database, which limits how many one statement has."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")
_SIZE = 500  # a statement of SQLite can have 32,766 parameters, one of PostgreSQL 65,535; some have each value thrice


def split_values(values: Iterable[_T]) -> Iterator[Sequence[_T]]:
    """Yield the distinct *values*, as many at a time as one statement can have; nothing if there are none."""
    unique_values = list(dict.fromkeys(values))
    for start in range(0, len(unique_values), _SIZE):
        yield unique_values[start : start + _SIZE]
