"""
The implementation of `holdfast backup` and `holdfast restore`, without the server.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from holdfast.cli.server.failures import failures_in_words
from holdfast.cli.server.local import read_settings
from holdfast.cli.terminal.output import say, tell
from holdfast.server import recovery
from holdfast.store.recovery.copies import write_time


def back_up(data: Path | None, file: str | None) -> None:
    """Write a backup to *file* (`-`: standard output) and describe it. Raises CommandFailed."""
    with failures_in_words():
        settings = read_settings({"data": data})
        if file == "-":
            where, backup = "standard output", recovery.stream_backup(settings, sys.stdout.buffer)
        else:
            path = Path(file or f"holdfast-{write_time(datetime.now(UTC))}.sqlite")
            where, backup = str(path), recovery.back_up(settings, path)
    of = backup.contents
    tell(f"Backup written to {where}: {_count(of.apis, 'API')}, tables of revision {of.revision}, {backup.size} bytes.")
    if of.secrets:
        secrets = _count(of.secrets, "secret")
        tell(
            f"The backup doesn't include the sealing key, which is needed to decrypt its {secrets}. Back up the key "
            "separately."
        )


def restore(data: Path | None, file: Path, *, without_keys: bool) -> None:
    """Restore a backup, and report where the previous database is kept. Raises CommandFailed."""
    with failures_in_words():
        restored = recovery.restore(read_settings({"data": data}), file, without_keys=without_keys)
    of = restored.contents
    say(f"Restored {file}: {_count(of.apis, 'API')}, tables of revision {of.revision}.")
    if restored.kept:
        say(f"The previous database is kept as {restored.kept}. Remove it when you no longer need it.")
    if restored.lost_secrets:
        say(f"{_count(restored.lost_secrets, 'secret')} can't be decrypted. `holdfast doctor` says what to do.")
    say("Sessions, tokens, passwords and trust are back to their state at the time of the backup.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
