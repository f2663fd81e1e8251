"""
The implementation of `holdfast backup` and `holdfast restore`, without the server.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from holdfast.cli.server.failures import failures_in_words
from holdfast.cli.server.local import read_settings
from holdfast.cli.terminal.output import say, tell
from holdfast.server.recovery.backup import Backup, stream_backup, write_backup
from holdfast.server.recovery.restore import Choices, restore_backup
from holdfast.server.settings import Settings
from holdfast.store.recovery.copies import write_time


def back_up(data: Path | None, file: str | None, *, with_sealing_key: bool) -> None:
    """Write a backup to *file* (`-`: standard output) and describe it. Raises CommandFailed."""
    with failures_in_words():
        settings = read_settings({"data": data})
        if file == "-":
            where, backup = "standard output", _stream(settings, with_sealing_key=with_sealing_key)
        else:
            ending = "tar" if with_sealing_key else "sqlite"
            path = Path(file or f"holdfast-{write_time(datetime.now(UTC))}.{ending}")
            where, backup = str(path), write_backup(settings, path, with_sealing_key=with_sealing_key)
    of = backup.contents
    tell(
        f"Backup written to {where}: {_inflect(of.apis, 'API')}, tables of revision {of.revision}, {backup.size} bytes."
    )
    if with_sealing_key:
        tell(
            "WARNING: the backup includes the sealing key. Anyone who has it can read its "
            f"{_inflect(of.secrets, 'secret')}. Encrypt it, and keep it secret."
        )
        if backup.lost_secrets:
            secrets = _inflect(backup.lost_secrets, "secret")
            tell(f"The sealing key can't decrypt {secrets}. `holdfast doctor` lists them.")
    elif of.secrets:
        secrets = _inflect(of.secrets, "secret")
        tell(
            f"The backup doesn't include the sealing key, which is needed to decrypt its {secrets}. Back up the key "
            "separately."
        )

    if backup.unrecorded:
        tell(f"The backup isn't in the audit log. {backup.unrecorded}")


def restore(data: Path | None, file: Path, *, without_keys: bool, replace: bool) -> None:
    """Restore a backup, and report where the previous database is kept. Raises CommandFailed."""
    with failures_in_words():
        choices = Choices(without_keys=without_keys, replace=replace)
        restoration = restore_backup(read_settings({"data": data}), file, choices)
    of = restoration.contents
    say(f"Restored {file}: {_inflect(of.apis, 'API')}, tables of revision {of.revision}.")
    if restoration.previous:
        say(f"The previous database is kept as {restoration.previous}. Remove it when you no longer need it.")
    if restoration.key_file:
        say(f"The sealing key in the backup was added to {restoration.key_file}.")
    if restoration.lost_secrets:
        say(f"{_inflect(restoration.lost_secrets, 'secret')} can't be decrypted. `holdfast doctor` says what to do.")
    say("Sessions, tokens, passwords and trust are back to their state at the time of the backup.")


def _stream(settings: Settings, *, with_sealing_key: bool) -> Backup:
    return stream_backup(settings, sys.stdout.buffer, with_sealing_key=with_sealing_key)


def _inflect(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
