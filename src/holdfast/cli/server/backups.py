"""
`holdfast backup` and `holdfast restore`.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli.exit_codes import LOCAL
from holdfast.cli.failures import Misused
from holdfast.cli.terminal.help import ending

commands = typer.Typer()

Data = Annotated[Path | None, Option(metavar="DIR", help="Data directory [default: ~/.local/share/holdfast].")]
Target = Annotated[
    str | None,
    Argument(metavar="FILE|-", help="New file, or - for standard output [default: holdfast-TIME.sqlite]."),
]
Source = Annotated[Path, Argument(metavar="FILE", help="A backup, or a copy kept by an upgrade or restore.")]
WithoutKeys = Annotated[
    bool, Option("--without-keys", help="Restore even if the sealing key can't decrypt all secrets in the backup.")
]


@commands.command(
    epilog=ending(
        "holdfast backup --data /var/lib/holdfast /backups/holdfast.sqlite",
        "holdfast backup - | age -r RECIPIENT > holdfast.sqlite.age",
        codes=LOCAL,
    ),
)
def backup(file: Target = None, data: Data = None) -> None:
    """
    Back up the database, SQLite or PostgreSQL, into one file, even while Holdfast is running.

    The backup is verified and readable only by its owner. It doesn't include the sealing key.
    """
    if file == "-" and sys.stdout.isatty():
        raise Misused("Refusing to write a binary backup to the terminal. Redirect standard output, or name a file.")
    from holdfast.cli.server.recovery import back_up

    back_up(data, file)


@commands.command(
    epilog=ending("holdfast restore --data /var/lib/holdfast /backups/holdfast.sqlite", codes=LOCAL),
)
def restore(file: Source, data: Data = None, without_keys: WithoutKeys = False) -> None:
    """
    Replace the database with a backup. Stop Holdfast first. The current database is kept as a copy.

    With PostgreSQL (HOLDFAST_DATABASE), the backup is copied into an empty database, completely or not at all.
    Backups of earlier versions are upgraded at the next start.
    """
    from holdfast.cli.server.recovery import restore as run

    run(data, file, without_keys=without_keys)
