"""
Repairs of standard streams that are closed or whose encoding lacks characters.
"""

import os
import sys
from io import TextIOWrapper
from pathlib import Path


def repair_streams() -> None:
    """Replace closed streams by /dev/null, and escape characters that the encoding lacks."""
    # In this order, each gets the lowest free descriptor, which is its own.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Discard pending output, which Python would otherwise fail to write at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
