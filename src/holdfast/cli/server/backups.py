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

Data = Annotated[Path | None, Option(metavar="DIR", help="The data directory [default: ~/.local/share/holdfast].")]
Target = Annotated[
    str | None,
    Argument(metavar="[FILE|-]", help="A new file, or - for standard output [default: holdfast-TIME.sqlite]."),
]
Source = Annotated[Path, Argument(metavar="FILE", help="A backup, or a copy that an upgrade or a restore kept.")]
WithoutKeys = Annotated[
    bool, Option("--without-keys", help="Restore even if the sealing key doesn't open all private keys in the backup.")
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
    Back up the database into one file, also while Holdfast runs.

    The file is checked, and readable only by its owner. The sealing key isn't included.
    """
    if file == "-" and sys.stdout.isatty():
        raise Misused("A backup isn't text for a terminal. Redirect standard output, or name a file.")
    from holdfast.cli.server.recovery import back_up

    back_up(data, file)


@commands.command(
    epilog=ending("holdfast restore --data /var/lib/holdfast /backups/holdfast.sqlite", codes=LOCAL),
)
def restore(file: Source, data: Data = None, without_keys: WithoutKeys = False) -> None:
    """
    Replace the database with a backup; stop Holdfast before. The database that was there is kept.

    The backup may be of an earlier version: the next start brings it up to date.
    """
    from holdfast.cli.server.recovery import restore as run

    run(data, file, without_keys=without_keys)
