"""Keeps the temporary files of tests in memory, where there is enough of it."""

import os
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest creates a private directory there
_ENOUGH = 4 << 30  # bytes; a whole run needs a fifth of that


def keep_files_in_memory() -> None:
    """Let pytest create its temporary directories in memory, unless the environment names another place."""
    if not _MEMORY.is_dir():
        return
    status = os.statvfs(_MEMORY)
    runs_programs = not status.f_flag & os.ST_NOEXEC  # some tests write scripts
    if runs_programs and status.f_bavail * status.f_frsize > _ENOUGH:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
