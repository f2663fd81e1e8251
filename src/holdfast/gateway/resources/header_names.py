"""
Names of headers as backends read them.
"""

from collections.abc import Iterator
from itertools import product


def list_spellings(name: str) -> Iterator[str]:
    """Return all spellings of *name* with hyphens or underscores."""
    first, *others = name.split("-")
    for separators in product("-_", repeat=len(others)):
        yield first + "".join(map("".join, zip(separators, others, strict=True)))
