"""
The implementation of `holdfast database`, without the server.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.cli.server.failures import failures_in_words
from holdfast.cli.server.local import CHECKS_LOG, read_settings
from holdfast.cli.terminal.output import say
from holdfast.server.clock import utc_now
from holdfast.server.database import changes

if TYPE_CHECKING:
    from holdfast.doctor.check import Check


def migrate(data: Path | None, database: str | None) -> None:
    """Bring the tables up to date, and describe what changed. Raises CommandFailed."""
    with failures_in_words():
        migration = changes.migrate_database(read_settings({"data": data, "database": database}))
    if migration.before is None:
        say(f"Tables of revision {migration.after} created.")
    elif migration.before == migration.after:
        say(f"The tables have revision {migration.after} already.")
    else:
        say(f"Tables upgraded from revision {migration.before} to {migration.after}.")


def check(data: Path | None, database: str | None) -> "list[Check]":
    """Return the checks of the database. Raises CommandFailed."""
    from holdfast.doctor.database import check_database  # only this command needs it

    with failures_in_words():
        settings = read_settings({"data": data, "database": database}, CHECKS_LOG)
        return list(check_database(settings, settings.data.expanduser(), utc_now()))


def copy(data: Path | None, database: str | None) -> None:
    """Copy the database, and describe the next steps. Raises CommandFailed."""
    with failures_in_words():
        outcome = changes.copy_database(read_settings({"data": data, "database": database}))
    say(f"Copied {outcome.rows} rows of {outcome.tables} tables to the {outcome.target}, and compared each.")
    say(f"Start Holdfast with --database, and the same sealing key. Rename {outcome.source}, so that nothing uses it.")
