"""
All commands. The module of a command is imported only when the command is used.
"""

import errno
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

from holdfast.cli.exit_codes import MEANINGS, ExitCode
from holdfast.cli.failures import CommandFailed, CommandInterrupted, InvalidUsage
from holdfast.cli.requests.context_choice import context_choice
from holdfast.cli.terminal.completion_scripts import use_own_scripts
from holdfast.cli.terminal.help import DocumentedCommand
from holdfast.cli.terminal.streams import discard_output
from holdfast.cli.terminal.text import make_plain

if TYPE_CHECKING:
    from typer._click import Command  # Typer has its own Click


@dataclass(frozen=True, slots=True)
class Source:
    """The module below this package that has the `commands`, and a one-line help."""

    module: str
    summary: str
    is_group: bool = False  # the module's commands are subcommands
    also: tuple[str, ...] = ()  # modules with more subcommands

    def load(self, name: str) -> "Command":
        """Import the module and return the command *name*."""
        group = _find_group(self.module)
        if self.is_group:
            for module in self.also:
                group.commands.update(_find_group(module).commands)
            group.name, group.help = name, self.summary
        else:
            group.commands = {name: group.commands[name]}
            group.commands[name].short_help = self.summary
        for command in group.commands.values():
            # Only commands that use a publisher list this exit code in their help.
            if MEANINGS[ExitCode.NOT_SIGNED_IN] in (command.epilog or ""):
                command.params.append(_create_context_option())
        return group if self.is_group else group.commands[name]


COMMANDS = {
    "up": Source("server.up", "Start the publisher and a gateway."),
    "demo": Source("server.up", "Walk through the demo."),
    "status": Source("attention.status", "Show what needs attention."),
    "doctor": Source("server.up", "Check that everything is healthy."),
    "backup": Source("server.backups", "Back up the database."),
    "restore": Source("server.backups", "Restore a backup."),
    "database": Source("server.databases", "Migrate, check and copy the database.", is_group=True),
    "rotate-sealing-key": Source("server.up", "Encrypt stored secrets with a new key."),
    "login": Source("access.sign_in", "Sign in and store a token."),
    "logout": Source("access.sign_in", "Sign out and revoke the stored token."),
    "whoami": Source("access.sign_in", "Show the signed-in user and the publisher."),
    "token": Source("access.token_commands", "Manage your tokens for scripts.", is_group=True),
    "calendar": Source("access.calendar_commands", "Manage your calendar feed of what expires.", is_group=True),
    "context": Source("access.context_commands", "Manage sign-ins to publishers.", is_group=True),
    "api": Source(
        "catalog.apis",
        "Manage APIs and their lifecycle.",
        is_group=True,
        also=("catalog.api_changes", "catalog.traffic"),
    ),
    "revision": Source("catalog.revisions", "Create, deploy and restore revisions of APIs.", is_group=True),
    "certificate": Source(
        "trust.certificates",
        "Manage endpoint certificates.",
        is_group=True,
        also=("trust.inspection", "trust.certificate_changes"),
    ),
    "trust": Source(
        "trust.trust_settings",
        "Manage trust settings and exceptions.",
        is_group=True,
        also=("trust.trust_exceptions",),
    ),
    "endpoint": Source(
        "catalog.endpoints",
        "Test, watch and configure endpoints.",
        is_group=True,
        also=("catalog.watched_endpoints",),
    ),
    "gateway": Source(
        "gateways.gateways",
        "Run and manage gateways.",
        is_group=True,
        also=("server.gateway",),
    ),
    "gateway-group": Source(
        "gateways.groups", "Manage groups of gateways (admins of the default organization).", is_group=True
    ),
    "notification": Source(
        "notifications.channels",
        "Manage notification channels, silences and owners.",
        is_group=True,
        also=("notifications.silences",),
    ),
    "label": Source("catalog.labels", "Manage labels, which protect objects from other files.", is_group=True),
    "apply": Source("declaration.commands", "Apply files to an organization."),
    "diff": Source("declaration.commands", "Show what apply would change."),
    "validate": Source("declaration.checks", "Check configuration files without a publisher."),
    "schema": Source("declaration.checks", "Print the JSON schema of configuration files."),
    "export": Source("declaration.exporting", "Export an organization as files."),
    "organization": Source("access.organizations", "Manage organizations (admins of the default one).", is_group=True),
    "audit": Source("access.audit", "Read and verify the audit log.", is_group=True),
    "user": Source("access.users", "Manage users and their roles.", is_group=True),
    "help": Source("terminal.help", "Show the help of a command."),
}


def _find_group(module: str) -> TyperGroup:
    commands: typer.Typer = import_module(f"holdfast.cli.{module}").commands
    commands.rich_markup_mode = None
    for command in commands.registered_commands:
        command.cls = DocumentedCommand
    return get_group(commands)


def _choose(name: str) -> None:
    if name:
        context_choice.set(name)


def _create_context_option() -> Any:
    """Create the option --context for an existing command."""
    from holdfast.cli.requests import completion

    commands = typer.Typer(add_completion=False, rich_markup_mode=None)

    @commands.command()
    def _(
        _context: Annotated[
            str,
            Option(
                "--context",
                metavar="NAME",
                callback=_choose,
                expose_value=False,
                autocompletion=completion.complete_contexts,
                help="Context to use [default: HOLDFAST_CONTEXT, or the current one].",
            ),
        ] = "",
    ) -> None: ...

    return get_command(commands).params[0]


def _exit(failure: CommandFailed) -> typer.Exit:
    """Print *failure*, and return the exception that ends the command with its exit code."""
    typer.echo(f"holdfast: {make_plain(str(failure), lines=True)}", err=True)
    return typer.Exit(int(failure.code))


class LazyCommands(MutableMapping[str, "Command"]):
    """Commands by name: those of *sources*, loaded on first use, and those *present* already."""

    def __init__(self, sources: dict[str, Source], present: MutableMapping[str, "Command"]) -> None:
        self._sources, self._loaded = sources, dict(present)

    def __getitem__(self, name: str) -> "Command":
        if name not in self._loaded:
            self._loaded[name] = self._sources[name].load(name)
        return self._loaded[name]

    def __setitem__(self, name: str, command: "Command") -> None:
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources | self._loaded)

    def __len__(self) -> int:
        return len(self._sources | self._loaded)

    def build_outlines(self) -> dict[str, "Command"]:
        """Return commands for listing, which can't run, without importing any module."""
        outlines = {name: TyperCommand(name, short_help=source.summary) for name, source in self._sources.items()}
        return {**outlines, **{name: command for name, command in self._loaded.items() if name not in outlines}}


class Commands(TyperGroup):
    """The commands. Failures are printed as messages, without a traceback."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._all = LazyCommands(COMMANDS, self.commands)
        self.commands = self._all

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """Reset the chosen context."""
        context_choice.set("")
        return super().make_context(*arguments, **more)

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse the options; --context NAME can also precede the command."""
        # A Typer option would import pydantic, which takes longer than everything else.
        if args and args[0].partition("=")[0] == "--context":
            first, equals, name = args[0].partition("=")
            name, args = (name, args[1:]) if equals else (args[1] if len(args) > 1 else "", args[2:])
            if not name and not ctx.resilient_parsing:
                ctx.fail(f"Option {first!r} requires an argument.")
            context_choice.set(name)
        if args and args[0].startswith(("--install-completion", "--show-completion")):
            use_own_scripts()
        return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # Typer has its own Click
        """Run the command."""
        try:
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt as error:
                typer.echo(err=True)  # end the line with the ^C that the terminal printed
                raise CommandInterrupted("Interrupted.") from error
        except CommandFailed as error:
            raise _exit(error) from error
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # of pydantic, which Typer uses
            raise
        except UnicodeEncodeError as error:
            # Python decodes invalid UTF-8 in arguments and variables to lone surrogates.
            raise _exit(InvalidUsage(f"{error.object!r} isn't valid UTF-8, so it can't be sent.")) from error
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT} or error.filename is not None:
                raise
            discard_output()
            raise _exit(CommandFailed(f"Can't write the output: {error.strerror}.")) from error

    def format_commands(self, *arguments: Any) -> None:
        """List the commands in the help."""
        with self._load_outlines():
            super().format_commands(*arguments)

    def shell_complete(self, *arguments: Any) -> Any:
        """Complete commands and options for a shell."""
        with self._load_outlines():
            return super().shell_complete(*arguments)

    @contextmanager
    def _load_outlines(self) -> Iterator[None]:
        self.commands = self._all.build_outlines()
        try:
            yield
        finally:
            self.commands = self._all
