"""
`holdfast context`: manage sign-ins to publishers.
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
from holdfast.cli.requests.credentials import find_context_name
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, write_listing
from holdfast.cli.terminal.output import AsJson, say, tell

commands = typer.Typer(no_args_is_help=True)

Name = Annotated[str, Argument(metavar="NAME", autocompletion=completion.complete_contexts)]


@commands.command("list", epilog=write_ending("holdfast context list", "holdfast context list --json", codes=LOCAL))
def list_contexts(output: Output = None, as_json: AsJson = False) -> None:
    """List contexts. * marks the current one."""
    contexts = read_contexts()
    current = find_context_name(contexts)
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
    listing = Listing(
        {"count": len(entries), "list": entries},
        ["", "NAME", "PUBLISHER", "USER", "EXPIRES"],
        rows,
        list(contexts.by_name),
        "No contexts. Run `holdfast login URL` to add one.",
    )
    write_listing(listing, output, as_json)


@commands.command("use", epilog=write_ending("holdfast context use staging", codes=LOCAL))
def choose_context(name: Name) -> None:
    """Make a context the current one."""
    use_context(name)
    say(f"Switched to context {name}.")


@commands.command(
    "delete", epilog=write_ending("holdfast context delete staging", codes=(*LOCAL, ExitCode.UNREACHABLE))
)
def delete_context(name: Name) -> None:
    """Delete a context, and revoke its token if login created it."""
    end_context(name, find_context(read_contexts(exposed=True), name))


def end_context(name: str, context: PublisherContext) -> None:
    """Delete a context, revoke its token if login created it, and report it. Raises CommandFailed."""
    failure, is_revoked = None, False
    try:
        is_revoked = end_token(context.publisher, context.who)
    except CommandFailed as error:
        failure = error
    others = forget_context(name)
    if is_revoked:
        say(f"Signed out of {context.publisher.url} and revoked the token.")
    elif context.who.by_login is False:
        until = f"{context.who.expires_at:%Y-%m-%d}"
        say(f"Signed out of {context.publisher.url}. Login didn't create the token, so it stays valid until {until}.")
    else:
        say(f"Signed out of {context.publisher.url}.")
    if failure:
        raise failure
    if others.by_name and not others.current:
        tell(f"Other contexts: {', '.join(others.by_name)}. Choose one with `holdfast context use NAME`.")
