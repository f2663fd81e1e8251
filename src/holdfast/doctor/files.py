"""
The machine's clock, the data directory and the files in it, and who else can read them.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from holdfast.doctor.check import Check
from holdfast.server.admin_password import PASSWORD_FILE
from holdfast.server.directories import DATABASE_FILE, OTHERS, open_files, owner_problem
from holdfast.server.sealing_keys import KEY_FILE
from holdfast.server.settings import Settings

WRITTEN = 2026  # the year of this program; no clock that is right shows an earlier one
TOLERATED = timedelta(minutes=1)
KIB, MIB, GIB = 1024, 1024**2, 1024**3
LITTLE, TOO_LITTLE = GIB, 100 * MIB  # bytes


def clock(data: Path, now: datetime) -> Check:
    """Compare the clock with what can be known: it is not before this program, and not before the last file here."""
    if now.year < WRITTEN:
        return Check.failed("clock", f"The clock says {now:%Y-%m-%d}.", "Set it: certificates are judged by it.")
    for path in sorted(data.glob("*")) if data.is_dir() else ():
        changed = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        if changed > now + TOLERATED:
            text = f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC, but {path} was written at {changed:%Y-%m-%d %H:%M:%S}."
            return Check.warning("clock", text, "Look whether the clock went back, and keep it in time by NTP.")
    return Check.ok("clock", f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC.")


def data_directory(data: Path) -> Iterator[Check]:
    """See that it is there, ours to write, and nobody else's to enter."""
    if not data.exists():
        yield Check.warning("data directory", f"There is no {data}.", "`holdfast up` makes it. Or name it with --data.")
        return
    if not data.is_dir() or not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        yield Check.failed("data directory", f"{data} cannot be written.", "Run this as the user of Holdfast.")
        return
    problem = owner_problem(data)
    if problem:
        advice = "Run Holdfast as its owner, or choose another directory with --data."
        yield Check.failed("data directory", problem, advice)
        return
    if _mode(data) & OTHERS:
        text = f"Others may enter {data} (mode {_mode(data):04o})."
        yield Check.failed("data directory", text, f"chmod 700 {data}")
        return
    yield Check.ok("data directory", f"{data} is for its user alone.")


def secrets(settings: Settings, data: Path) -> Iterator[Check]:
    """See that nobody else can read what opens something."""
    client_secret = settings.oidc_client_secret_file
    for path in (data / PASSWORD_FILE, settings.sealing_key_file or data / KEY_FILE, client_secret):
        if path and _is_file(path.expanduser()):
            yield _unread(path.expanduser(), OTHERS)
    if _is_file(data / DATABASE_FILE):
        yield _unread(data / DATABASE_FILE, OTHERS)
    for path in open_files(data) if os.access(data, os.R_OK | os.X_OK) else ():
        if path.name not in {DATABASE_FILE, PASSWORD_FILE, KEY_FILE}:
            yield _unread(path, OTHERS)
    for key in (settings.tls_key, settings.gateway_tls_key):
        if key and _is_file(key.expanduser()):
            yield _unread(key.expanduser(), 0o007)  # keys of a machine are often shared with a group


def disk_space(data: Path) -> Check:
    """See that there is room to write."""
    there = next(path for path in (data, *data.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    text = f"{_size(free)} are free for {data}."
    if free < TOO_LITTLE:
        return Check.failed("disk space", text, "Make room: changes cannot be kept when the disk is full.")
    return Check.warning("disk space", text, "Make room soon.") if free < LITTLE else Check.ok("disk space", text)


def _size(count: int) -> str:
    """Write a number of bytes in the largest unit that leaves something before the point."""
    unit = next((unit for unit in (GIB, MIB, KIB) if count >= unit), 1)
    names = {GIB: "GiB", MIB: "MiB", KIB: "KiB", 1: "bytes"}
    return f"{count / unit:.1f} {names[unit]}" if unit > 1 else f"{count} bytes"


def _unread(path: Path, others: int) -> Check:
    mode = _mode(path)
    if mode & others:
        return Check.failed(path.name, f"Others may read or change {path} (mode {mode:04o}).", f"chmod 600 {path}")
    if path.parent.stat().st_uid != path.stat().st_uid:
        text = f"{path} belongs to another user than its directory."
        return Check.warning(path.name, text, f"chown --reference={path.parent} {path}")
    return Check.ok(path.name, f"{path} is not for others (mode {mode:04o}).")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
