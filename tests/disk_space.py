"""
A full disk.
"""

import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """
    Let this process and those that it starts write no file beyond *size* bytes, as if the disk were full.

    They write no bytecode either: CPython 3.11 takes a short write for a whole one, and the module fails ever after.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        with patch.object(sys, "dont_write_bytecode", True), patch.dict(os.environ, PYTHONDONTWRITEBYTECODE="1"):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
