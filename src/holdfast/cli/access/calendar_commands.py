"""
`holdfast calendar`: the address under which calendar programs read what expires.
"""

import typer

from holdfast.cli.access.passwords import PasswordStdin
from holdfast.cli.access.token_commands import User, connect_with_password
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, Yes, confirm, format_date, say, tell, write_json

commands = typer.Typer(no_args_is_help=True)
PATH = "/calendar-feed"


@commands.command(
    "create",
    epilog=write_ending("holdfast calendar create", "holdfast calendar create --user anna --password-stdin < password"),
)
def create_feed(user: User = None, password_stdin: PasswordStdin = False, as_json: AsJson = False) -> None:
    """
    Create the address of your calendar feed and print it. You won't be able to see it again.

    Anyone who has the address can read which certificates expire, and nothing else. It replaces your previous one. Asks
    for your password, because a token can't create an address.
    """
    with connect_with_password(user, password_stdin=password_stdin) as client:
        feed = client.call("POST", PATH)
    if as_json:
        write_json(feed)
        return
    tell(f"Subscribe to this address in your calendar. It works until {format_date(feed['expiresTime'])} UTC:")
    say(feed["url"])


@commands.command("show", epilog=write_ending("holdfast calendar show"))
def show_feed(user: User = None, password_stdin: PasswordStdin = False, as_json: AsJson = False) -> None:
    """Show when your calendar feed was created, and when it expires. Asks for your password."""
    with connect_with_password(user, password_stdin=password_stdin) as client:
        feed = client.get(PATH)
    if as_json:
        write_json(feed)
        return
    say(f"Created {format_date(feed['createdTime'])}, expires {format_date(feed['expiresTime'])} UTC.")


@commands.command("revoke", epilog=write_ending("holdfast calendar revoke", "holdfast calendar revoke --yes"))
def revoke_feed(
    yes: Yes = False, user: User = None, password_stdin: PasswordStdin = False, as_json: AsJson = False
) -> None:
    """Revoke the address of your calendar feed. Asks for your password."""
    with connect_with_password(user, password_stdin=password_stdin) as client:
        feed = client.get(PATH)
        confirm("Revoke your calendar feed? Calendar programs can no longer read it.", yes=yes)
        client.call("DELETE", PATH)
    if as_json:
        write_json(feed)
    else:
        say("Revoked your calendar feed.")
