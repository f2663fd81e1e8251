"""
`holdfast backup` and `holdfast restore`.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli.exit_codes import LOCAL
from holdfast.cli.failures import InvalidUsage
from holdfast.cli.terminal.help import write_ending

commands = typer.Typer()

Data = Annotated[Path | None, Option(metavar="DIR", help="Data directory [default: ~/.local/share/holdfast].")]
Target = Annotated[
    str | None,
    Argument(metavar="FILE|-", help="New file, or - for standard output [default: holdfast-TIME.sqlite or .tar]."),
]
Source = Annotated[Path, Argument(metavar="FILE", help="A backup, or a copy kept by an upgrade or restore.")]
WithSealingKey = Annotated[
    bool,
    Option(
        "--with-sealing-key",
        help="Include the sealing key, in an archive (tar). Anyone who has that file can read every secret in it.",
    ),
]
Replace = Annotated[
    bool,
    Option("--replace", help="With PostgreSQL, replace a database that isn't empty. It is kept as a backup."),
]
WithoutKeys = Annotated[
    bool, Option("--without-keys", help="Restore even if the sealing key can't decrypt all secrets in the backup.")
]


@commands.command(
    epilog=write_ending(
        "holdfast backup --data /var/lib/holdfast /backups/holdfast.sqlite",
        "holdfast backup - | age -r RECIPIENT > holdfast.sqlite.age",
        "holdfast backup --with-sealing-key - | age -r RECIPIENT > holdfast.tar.age",
        codes=LOCAL,
    ),
)
def backup(file: Target = None, data: Data = None, with_sealing_key: WithSealingKey = False) -> None:
    """
    Back up the database, SQLite or PostgreSQL, into one file, even while Holdfast is running.

    The backup is verified and readable only by its owner. Without --with-sealing-key, it doesn't include the
    sealing key, which decrypts the secrets in it. The audit log of each organization records the backup.
    """
    if file == "-" and sys.stdout.isatty():
        raise InvalidUsage(
            "Refusing to write a binary backup to the terminal. Redirect standard output, or name a file."
        )
    from holdfast.cli.server.recovery import back_up

    back_up(data, file, with_sealing_key=with_sealing_key)


@commands.command(
    epilog=write_ending("holdfast restore --data /var/lib/holdfast /backups/holdfast.sqlite", codes=LOCAL),
)
def restore(file: Source, data: Data = None, without_keys: WithoutKeys = False, replace: Replace = False) -> None:
    """
    Replace the database with a backup. Stop Holdfast first. The current database is kept as a copy.

    With PostgreSQL (HOLDFAST_DATABASE), the backup is copied into an empty database, completely or not at all; one that
    isn't empty is replaced with --replace. A sealing key in the backup is added to the key file. Backups of earlier
    versions are upgraded.
    """
    from holdfast.cli.server.recovery import restore as run

    run(data, file, without_keys=without_keys, replace=replace)
