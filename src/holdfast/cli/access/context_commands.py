"""
`holdfast context`: the publishers that you are signed in to.
"""

from typing import Annotated

import typer
from typer import Argument

from holdfast.cli.access.tokens import end_token
from holdfast.cli.exit_codes import LOCAL, ExitCode
from holdfast.cli.failures import CommandFailed
from holdfast.cli.requests import completion
from holdfast.cli.requests.contexts import (
    PublisherContext,
    find_context,
    forget_context,
    read_contexts,
    use_context,
)
from holdfast.cli.requests.credentials import context_name
from holdfast.cli.terminal.help import ending
from holdfast.cli.terminal.output import AsJson, say, tell, write_json, write_table

commands = typer.Typer(no_args_is_help=True)

Name = Annotated[str, Argument(metavar="NAME", autocompletion=completion.contexts)]


@commands.command("list", epilog=ending("holdfast context list", "holdfast context list --json", codes=LOCAL))
def list_contexts(as_json: AsJson = False) -> None:
    """List contexts; * marks the one that commands use."""
    contexts = read_contexts()
    current = context_name(contexts)
    entries = [
        {
            "name": name,
            "current": name == current,
            "url": context.publisher.url,
            "user": context.who.user,
            "expiresTime": context.who.expires_at.isoformat() if context.who.expires_at else None,
        }
        for name, context in contexts.by_name.items()
    ]
    if as_json:
        write_json({"count": len(entries), "list": entries})
        return
    rows = [
        (
            "*" if name == current else "",
            name,
            context.publisher.url,
            context.who.user,
            f"{context.who.expires_at:%Y-%m-%d}",
        )
        for name, context in contexts.by_name.items()
    ]
    write_table(["", "NAME", "PUBLISHER", "USER", "UNTIL"], rows, "No contexts. `holdfast login URL` adds one.")


@commands.command("use", epilog=ending("holdfast context use staging", codes=LOCAL))
def choose_context(name: Name) -> None:
    """Let commands use a context from now on."""
    use_context(name)
    say(f"Commands now use {name}.")


@commands.command("delete", epilog=ending("holdfast context delete staging", codes=(*LOCAL, ExitCode.UNREACHABLE)))
def delete_context(name: Name) -> None:
    """Forget a context, and end its token if login made it, as `holdfast logout --context` does."""
    end_context(name, find_context(read_contexts(exposed=True), name))


def end_context(name: str, context: PublisherContext) -> None:
    """Forget a context, end its token if login made it, and say so; raise CommandFailed if that isn't possible."""
    failed, ended = None, False
    try:
        ended = end_token(context.publisher, context.who)
    except CommandFailed as error:
        failed = error
    left = forget_context(name)
    if ended:
        say(f"Signed out of {context.publisher.url}; the token is revoked.")
    elif context.who.by_login is False:
        until = f"{context.who.expires_at:%Y-%m-%d}"
        say(f"Signed out of {context.publisher.url}. Login didn't make the token, so it stays valid until {until}.")
    else:
        say(f"Signed out of {context.publisher.url}.")
    if failed:
        raise failed
    if left.by_name and not left.current:
        tell(f"Other contexts: {', '.join(left.by_name)}. `holdfast context use NAME` chooses one.")
