"""
Standard input, output and error, also where the caller closed them or their encoding lacks characters.
"""

import os
import sys
from io import TextIOWrapper
from pathlib import Path


def repair_streams() -> None:
    """Replace closed streams by /dev/null, and let characters that an encoding lacks be written as escapes."""
    # In this order: each gets the lowest free descriptor, which is its own.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def discard_output() -> None:
    """Let what is still to be written go nowhere: Python would fail to write it at the end again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
