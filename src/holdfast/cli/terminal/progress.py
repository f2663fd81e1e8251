"""
How far long work is, on standard error, and only where somebody watches.
"""

import sys
from collections.abc import Collection, Iterator
from typing import TypeVar

T = TypeVar("T")
LONG = 20  # fewer things than this are done before anybody has read of them


def counted(things: Collection[T], what: str) -> Iterator[T]:
    """Give *things* one after the other and show how many are done."""
    if len(things) < LONG or not sys.stderr.isatty():
        yield from things
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(things, what, console=Console(stderr=True), transient=True)
