"""
`holdfast export`.
"""

from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from holdfast.cli.declaration.export import export, write_export
from holdfast.cli.requests.client import connect
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import tell

commands = typer.Typer()


@commands.command(
    "export",
    epilog=write_ending("holdfast export -o holdfast/", "holdfast export > holdfast.yaml"),
)
def export_files(
    output: Annotated[
        Path | None,
        Option(
            "-o",
            "--output",
            metavar="FILE|DIR",
            help="YAML file, or directory for several files [default: standard output].",
        ),
    ] = None,
) -> None:
    """Export all APIs, endpoint certificates and trust settings as YAML for apply."""
    with connect() as client:
        if output is None:
            typer.echo(export(client, None).encode(), nl=False)  # UTF-8, which apply expects
        else:
            tell(f"Wrote {write_export(client, output)}.")
