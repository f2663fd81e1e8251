"""
The end of a command's help, with examples and exit codes, and `holdfast help`.
"""

from collections.abc import Collection
from typing import Annotated

import typer
from typer import Argument
from typer.core import TyperGroup

from holdfast.cli.exit_codes import CLIENT, LOCAL, ExitCode, describe_codes

commands = typer.Typer()


def ending(*examples: str, codes: Collection[ExitCode] = CLIENT) -> str:
    """Format *examples*, one per line, and *codes*; Click keeps the lines of a paragraph that begins with \\b."""
    lines = "".join(f"\n  {example}" for example in examples)
    return f"\b\nExamples:{lines}\n\n{describe_codes(*codes)}"


@commands.command("help", epilog=ending("holdfast help", "holdfast help certificate add", codes=LOCAL))
def show_help(
    context: typer.Context,
    words: Annotated[
        list[str] | None, Argument(metavar="[COMMAND]...", help="A command, such as certificate add.")
    ] = None,
) -> None:
    """Show the help of a command, like --help."""
    root = context.find_root()
    for word in words or []:
        if not isinstance(root.command, TyperGroup):
            root.fail(f"{root.command_path} has no subcommands.")
        name, command, _ = root.command.resolve_command(root, [word])
        if command:
            root = typer.Context(command, info_name=name, parent=root)
    typer.echo(root.get_help())
