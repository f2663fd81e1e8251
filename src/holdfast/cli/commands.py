"""
All commands, each in a module that is loaded only when the command is needed.
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
from holdfast.cli.failures import CommandFailed, Interrupted, Misused
from holdfast.cli.requests.context_choice import context_choice
from holdfast.cli.terminal.completion_scripts import use_own_scripts
from holdfast.cli.terminal.streams import discard_output
from holdfast.cli.terminal.text import make_plain

if TYPE_CHECKING:
    from typer._click import Command  # Typer has a Click of its own


@dataclass(frozen=True, slots=True)
class Source:
    """Where a command is: the module below this package that has its `commands`, and its help in one line."""

    module: str
    summary: str
    is_group: bool = False  # all of the module's commands are below its name
    also: tuple[str, ...] = ()  # modules with more commands of the group

    def load(self, name: str) -> "Command":
        """Import the module and make the command *name*."""
        group = _group(self.module)
        if self.is_group:
            for module in self.also:
                group.commands.update(_group(module).commands)
            group.name, group.help = name, self.summary
        else:
            group.commands = {name: group.commands[name]}
            group.commands[name].short_help = self.summary
        for command in group.commands.values():
            # Only what asks a publisher can find that nobody is signed in, and its help says so.
            if MEANINGS[ExitCode.NOT_SIGNED_IN] in (command.epilog or ""):
                command.params.append(_context_option())
        return group if self.is_group else group.commands[name]


COMMANDS = {
    "up": Source("server.up", "Start the publisher and a gateway; Ctrl-C ends both."),
    "demo": Source("server.up", "Show what becomes of a backend, step by step."),
    "doctor": Source("server.up", "Look whether all is as it must be."),
    "backup": Source("server.backups", "Back up the database."),
    "restore": Source("server.backups", "Restore a backup."),
    "rotate-sealing-key": Source("server.up", "Seal the private keys with a new key."),
    "login": Source("access.sign_in", "Sign in, and keep a token for the next commands."),
    "logout": Source("access.sign_in", "End the token that login kept, and forget it."),
    "whoami": Source("access.sign_in", "Say who asks which publisher, and until when."),
    "context": Source("access.context_commands", "The publishers that you are signed in to.", is_group=True),
    "api": Source("catalog.apis", "APIs and their lifecycle.", is_group=True, also=("catalog.api_changes",)),
    "certificate": Source(
        "trust.certificates",
        "What is trusted for the endpoints of APIs.",
        is_group=True,
        also=("trust.certificate_changes",),
    ),
    "trust": Source(
        "trust.trust_settings",
        "How the backends of endpoints are verified.",
        is_group=True,
        also=("trust.trust_exceptions",),
    ),
    "endpoint": Source("catalog.endpoints", "Backends, as the gateways see them.", is_group=True),
    "apply": Source("declaration.commands", "Make an organization what files want it to be."),
    "diff": Source("declaration.commands", "Show what apply would change."),
    "export": Source("declaration.commands", "Write an organization as files."),
    "organization": Source("access.organizations", "Organizations, for admins of the default one.", is_group=True),
    "user": Source("access.users", "The users of the organization, and their roles.", is_group=True),
    "help": Source("terminal.help", "Show the help of a command."),
}


def _group(module: str) -> TyperGroup:
    commands: typer.Typer = import_module(f"holdfast.cli.{module}").commands
    commands.rich_markup_mode = None
    return get_group(commands)


def _choose(name: str) -> None:
    if name:
        context_choice.set(name)


def _context_option() -> Any:
    """Make the option --context, for a command that has been made already."""
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
                autocompletion=completion.contexts,
                help="Ask the publisher of this context [default: HOLDFAST_CONTEXT, or the current one].",
            ),
        ] = "",
    ) -> None: ...

    return get_command(commands).params[0]


def _exit(failure: CommandFailed) -> typer.Exit:
    """Say what failed, and give what ends the command with its code."""
    typer.echo(f"holdfast: {make_plain(str(failure), lines=True)}", err=True)
    return typer.Exit(int(failure.code))


class LoadedWhenNeeded(MutableMapping[str, "Command"]):
    """Commands by name: those of *sources*, each loaded when it is looked up, and those that are there already."""

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

    def outlines(self) -> dict[str, "Command"]:
        """Give commands that can be listed but not run, without loading any."""
        outlines = {name: TyperCommand(name, short_help=source.summary) for name, source in self._sources.items()}
        return {**outlines, **{name: command for name, command in self._loaded.items() if name not in outlines}}


class Commands(TyperGroup):
    """The commands; what one could not do is said in words, without a traceback."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._all = LoadedWhenNeeded(COMMANDS, self.commands)
        self.commands = self._all

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """Begin anew: no context is chosen yet."""
        context_choice.set("")
        return super().make_context(*arguments, **more)

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Read the options; --context NAME can also stand before the command."""
        # An option of Typer's would load pydantic, which takes longer than all the rest.
        if args and args[0].partition("=")[0] == "--context":
            first, equals, name = args[0].partition("=")
            name, args = (name, args[1:]) if equals else (args[1] if len(args) > 1 else "", args[2:])
            if not name and not ctx.resilient_parsing:
                ctx.fail(f"Option {first!r} requires an argument.")
            context_choice.set(name)
        if args and args[0].startswith(("--install-completion", "--show-completion")):
            use_own_scripts()
        return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]  # Typer has a Click of its own
        """Run what was asked for."""
        try:
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt as error:
                typer.echo(err=True)  # the terminal has written ^C
                raise Interrupted("Interrupted.") from error
        except CommandFailed as error:
            raise _exit(error) from error
        except UnicodeEncodeError as error:
            # What isn't UTF-8 in an argument or a variable, Python gives as half a character.
            raise _exit(Misused(f"{error.object!r} is not UTF-8, so it can't be sent.")) from error
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT} or error.filename is not None:
                raise
            discard_output()
            raise _exit(CommandFailed(f"The output can't be written ({error.strerror}).")) from error

    def format_commands(self, *arguments: Any) -> None:
        """List the commands in the help."""
        with self._listed():
            super().format_commands(*arguments)

    def shell_complete(self, *arguments: Any) -> Any:
        """Offer commands and options to a shell."""
        with self._listed():
            return super().shell_complete(*arguments)

    @contextmanager
    def _listed(self) -> Iterator[None]:
        self.commands = self._all.outlines()
        try:
            yield
        finally:
            self.commands = self._all
