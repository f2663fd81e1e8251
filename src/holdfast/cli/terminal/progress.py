"""
Progress of long operations, on standard error if it is a terminal.
"""

import sys
from collections.abc import Collection, Iterator
from typing import TypeVar

T = TypeVar("T")
LONG = 20  # fewer items are done too soon to show progress


def show_progress(things: Collection[T], what: str) -> Iterator[T]:
    """Yield *things* and show how many are done."""
    if len(things) < LONG or not sys.stderr.isatty():
        yield from things
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(things, what, console=Console(stderr=True), transient=True)
