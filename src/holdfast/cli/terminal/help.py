"""
The help of commands, with examples and exit codes, and `holdfast help`.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument
from typer.core import TyperCommand, TyperGroup

from holdfast.cli.exit_codes import CLIENT, LOCAL, ExitCode, describe_codes

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter  # Typer has its own Click

commands = typer.Typer()


class DocumentedCommand(TyperCommand):
    """A command whose help names arguments as man pages do (FILE, not {FILE} or FILE <str>), and shortens nothing."""

    def collect_usage_pieces(self, ctx: "Context") -> list[str]:
        """Return the options and arguments of the usage line."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence of the help, whole."""
        return super().get_short_help_str(max(limit, len(self.help or "") + 1))

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """List the arguments and options."""
        records: dict[str, list[tuple[str, str]]] = {"argument": [], "option": []}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                is_argument = parameter.param_type_name == "argument"
                name = record[0].partition(" <")[0] if is_argument else record[0]
                records[parameter.param_type_name].append((name, record[1]))
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            if records[kind]:
                with formatter.section(title):
                    formatter.write_dl(records[kind])


def write_ending(*examples: str, codes: Collection[ExitCode] = CLIENT) -> str:
    """Format *examples*, one per line, and *codes*; Click keeps the lines of a paragraph that begins with \\b."""
    lines = "".join(f"\n  {example}" for example in examples)
    return f"\b\nExamples:{lines}\n\n{describe_codes(*codes)}"


@commands.command("help", epilog=write_ending("holdfast help", "holdfast help certificate add", codes=LOCAL))
def show_help(
    context: typer.Context,
    words: Annotated[list[str] | None, Argument(metavar="COMMAND", help="A command, such as certificate add.")] = None,
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
