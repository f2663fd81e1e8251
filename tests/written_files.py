"""
Files that another process is writing while a test reads them.

    events = [json.loads(line) for line in complete_lines(log)]
"""

from contextlib import suppress
from pathlib import Path


def complete_lines(file: Path) -> list[str]:
    """Read the lines of *file* (UTF-8), without the last one until its end is written."""
    return file.read_bytes().rpartition(b"\n")[0].decode().splitlines()


def read_files(directory: Path) -> dict[Path, bytes]:
    """Read all files below *directory*, except those that are removed meanwhile."""
    contents = {}
    for path in directory.rglob("*"):
        if path.is_file():
            with suppress(FileNotFoundError):
                contents[path] = path.read_bytes()
    return contents
