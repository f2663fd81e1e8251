"""
Checks of the clock, the data directory, and the permissions of files.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from holdfast.doctor.check import Check
from holdfast.files.private_directories import OTHERS, explain_owner
from holdfast.server.access.admin_password import PASSWORD_FILE
from holdfast.server.machine.directories import DATABASE_FILE, open_files
from holdfast.server.sealing.keys import KEY_FILE
from holdfast.server.settings import Settings

EARLIEST_YEAR = 2026  # the year of this program; an earlier year means that the clock is wrong
CLOCK_TOLERANCE = timedelta(minutes=1)
KIB, MIB, GIB = 1024, 1024**2, 1024**3
LITTLE, TOO_LITTLE = GIB, 100 * MIB  # bytes


def check_clock(data: Path, now: datetime) -> Check:
    """Check that the clock isn't earlier than this program and the newest file in the data directory."""
    if now.year < EARLIEST_YEAR:
        advice = "Set the clock. The validity of certificates depends on it."
        return Check.failed("clock", f"The clock says {now:%Y-%m-%d}.", advice)
    for path in sorted(data.glob("*")) if data.is_dir() else ():
        changed_at = datetime.fromtimestamp(path.lstat().st_mtime, UTC)
        if changed_at > now + CLOCK_TOLERANCE:
            text = (
                f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC, but {path} was written at {changed_at:%Y-%m-%d %H:%M:%S}."
            )
            return Check.warning("clock", text, "Check whether the clock was set back, and synchronize it by NTP.")
    return Check.ok("clock", f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC.")


def check_data_directory(data: Path) -> Iterator[Check]:
    """Check that the data directory exists, is writable, and isn't accessible to others."""
    if not data.exists():
        advice = "`holdfast up` creates it. If yours is elsewhere, set --data."
        yield Check.warning("data directory", f"{data} doesn't exist.", advice)
        return
    if not data.is_dir() or not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        advice = "Run this command as the user that runs Holdfast."
        yield Check.failed("data directory", f"{data} isn't writable.", advice)
        return
    problem = explain_owner(data)
    if problem:
        advice = "Run Holdfast as its owner, or choose another directory with --data."
        yield Check.failed("data directory", problem, advice)
        return
    if _read_mode(data) & OTHERS:
        text = f"Other users can access {data} (mode {_read_mode(data):04o})."
        yield Check.failed("data directory", text, f"chmod 700 {data}")
        return
    yield Check.ok("data directory", f"Only its owner can access {data}.")


def check_secret_files(settings: Settings, data: Path) -> Iterator[Check]:
    """Check that other users can't read passwords, keys and the database."""
    for path in (data / PASSWORD_FILE, data / KEY_FILE):
        if _is_file(path):
            yield _report_unread(path, OTHERS)
    # Orchestrators give files to a group, and keys of a machine are often shared with one.
    for file in (
        settings.sealing_key_file,
        settings.admin_password_file,
        settings.enrollment_key_file,
        settings.oidc_client_secret_file,
        settings.tls_key,
        settings.gateway_tls_key,
    ):
        if file and _is_file(file.expanduser()):
            yield _report_unread(file.expanduser(), 0o007)
    if _is_file(data / DATABASE_FILE):
        yield _report_unread(data / DATABASE_FILE, OTHERS)
    for path in open_files(data) if os.access(data, os.R_OK | os.X_OK) else ():
        if path.name not in {DATABASE_FILE, PASSWORD_FILE, KEY_FILE}:
            yield _report_unread(path, OTHERS)


def check_disk_space(data: Path) -> Check:
    """Check that there is free disk space."""
    there = next(path for path in (data, *data.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    text = f"{data} has {_write_size(free)} of free space."
    if free < TOO_LITTLE:
        return Check.failed("disk space", text, "Free some space: changes can't be saved when the disk is full.")
    return Check.warning("disk space", text, "Free some space soon.") if free < LITTLE else Check.ok("disk space", text)


def _write_size(count: int) -> str:
    """Return a number of bytes as text, in the largest unit that gives at least 1."""
    unit = next((unit for unit in (GIB, MIB, KIB) if count >= unit), 1)
    names = {GIB: "GiB", MIB: "MiB", KIB: "KiB", 1: "bytes"}
    return f"{count / unit:.1f} {names[unit]}" if unit > 1 else f"{count} bytes"


def _report_unread(path: Path, others: int) -> Check:
    mode = _read_mode(path)
    if mode & others:
        text = f"Other users can read or change {path} (mode {mode:04o})."
        return Check.failed(path.name, text, f"chmod 600 {path}")
    if path.parent.stat().st_uid != path.stat().st_uid:
        text = f"{path} and its directory have different owners."
        return Check.warning(path.name, text, f"chown --reference={path.parent} {path}")
    return Check.ok(path.name, f"Other users can't access {path} (mode {mode:04o}).")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _read_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
