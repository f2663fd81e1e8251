"""
`holdfast database`: migrate, check and copy the database.
"""

from typing import Annotated

import typer
from typer import Option

from holdfast.cli.exit_codes import LOCAL, ExitCode
from holdfast.cli.server.database import parse_database
from holdfast.cli.server.up import Data, Database, write_checks
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson

commands = typer.Typer()

Target = Annotated[
    str | None,
    Option(
        "--database",
        parser=parse_database,
        metavar="URL",
        help="Empty PostgreSQL database [default: HOLDFAST_DATABASE].",
    ),
]


@commands.command(
    epilog=write_ending(
        "holdfast database migrate --database postgresql://holdfast@db.example/holdfast",
        "holdfast database migrate --data /var/lib/holdfast",
        codes=LOCAL,
    ),
)
def migrate(data: Data = None, database: Database = None) -> None:
    """
    Create the tables, or bring them up to date, as the next `holdfast up` would.

    With PostgreSQL, control planes of the previous version can run meanwhile. With SQLite, stop Holdfast first; the
    database is copied before.
    """
    from holdfast.cli.server.database_changes import migrate as run

    run(data, database)


@commands.command(
    epilog=write_ending(
        "holdfast database check --database postgresql://holdfast@db.example/holdfast --json", codes=LOCAL
    ),
)
def check(data: Data = None, database: Database = None, as_json: AsJson = False) -> None:
    """
    Check the database and its content, and suggest fixes.

    Checks the server's version, the connection, permissions, clocks, notifications, tables, references, and whether
    the sealing key decrypts the secrets. It changes nothing and can run while Holdfast is running. The exit code
    is 1 if a check fails. `holdfast doctor` includes these checks.
    """
    from holdfast.cli.server.database_changes import check as run

    if not write_checks(run(data, database), as_json=as_json):
        raise typer.Exit(int(ExitCode.FAILED))


@commands.command(
    epilog=write_ending(
        "holdfast database copy --data /var/lib/holdfast --database postgresql://holdfast@db.example/holdfast",
        codes=LOCAL,
    ),
)
def copy(data: Data = None, database: Target = None) -> None:
    """
    Copy the SQLite database in the data directory to an empty PostgreSQL database. Stop Holdfast first.

    All rows are copied and compared in one transaction, so an interrupted copy leaves nothing and can be repeated. The
    SQLite database doesn't change. Private keys stay encrypted with the same sealing key.
    """
    from holdfast.cli.server.database_changes import copy as run

    run(data, database)
