"""
`holdfast token`: personal tokens for scripts.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli.access.passwords import PasswordStdin, read_password
from holdfast.cli.access.required_scopes import SCOPES
from holdfast.cli.access.tokens import PATH
from holdfast.cli.failures import CommandFailed, InvalidUsage
from holdfast.cli.requests import credentials
from holdfast.cli.requests.client import Client, encode_segment
from holdfast.cli.requests.publisher import Credentials
from holdfast.cli.terminal.durations import parse_duration
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, write_listing
from holdfast.cli.terminal.output import AsJson, Yes, confirm, format_date, say, tell, write_json

commands = typer.Typer(no_args_is_help=True)
DEFAULT = timedelta(days=90)

Name = Annotated[str, Argument(metavar="NAME", help="Name of the token, such as that of the script.")]
User = Annotated[str | None, Option(metavar="USER", help="User name [default: the one who is signed in].")]


@commands.command(
    "create",
    epilog=write_ending(
        "holdfast token create ci --for apply",
        "holdfast token create dashboard --scope apim:api_view --expires 30d",
        "holdfast token create ci --for diff --for apply --user anna --password-stdin < password",
    ),
)
def create_token(
    name: Name,
    scope: Annotated[list[str] | None, Option("--scope", metavar="SCOPE", help="What it allows. Repeatable.")] = None,
    for_: Annotated[
        list[str] | None,
        Option("--for", metavar="COMMAND", help="Allow what a command needs, such as apply. Repeatable."),
    ] = None,
    expires: Annotated[
        timedelta | None,
        Option(
            parser=parse_duration,
            metavar="DURATION",
            help="Such as 30d; at most 366d [default: 90d].",
        ),
    ] = None,
    user: User = None,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """
    Create a token and print it. You won't be able to see it again.

    Asks for your password, because a token can't create another token. Without --scope and --for, the token has all
    scopes that your roles allow.
    """
    scopes = [*(scope or []), *_find_scopes(for_ or [])]
    with connect_with_password(user, password_stdin=password_stdin) as client:
        own_scopes = client.get(PATH)["scopes"]
        usable = [
            scope_name
            for scope_name in dict.fromkeys(scopes)
            if scope_name in own_scopes or scope_name in (scope or ())
        ]
        if missing := [scope_name for scope_name in dict.fromkeys(scopes) if scope_name not in usable]:
            tell(f"Your roles don't allow {', '.join(missing)}, so the token can't do what needs them.")
        body = {
            "name": name,
            "scopes": usable if scopes else own_scopes,
            "expiresTime": (datetime.now(UTC) + (expires or DEFAULT)).isoformat(),
        }
        token = client.call("POST", PATH, json=body)
    if as_json:
        write_json(token)
        return
    tell(f"Token {token['name']}, valid until {format_date(token['expiresTime'])} UTC, with these scopes:")
    tell(f"  {' '.join(token['scopes'])}")
    say(token["token"])


@commands.command("list", epilog=write_ending("holdfast token list", "holdfast token list -o name --user anna"))
def list_tokens(
    user: User = None, password_stdin: PasswordStdin = False, output: Output = None, as_json: AsJson = False
) -> None:
    """List your tokens, newest first. Asks for your password."""
    with connect_with_password(user, password_stdin=password_stdin) as client:
        answer = client.get(PATH)
    rows = [
        (token["name"], format_date(token["expiresTime"]), token["lastUsedDate"] or "", " ".join(token["scopes"]))
        for token in answer["list"]
    ]
    names, columns = [token["name"] for token in answer["list"]], ["NAME", "EXPIRES (UTC)", "LAST USED"]
    write_listing(Listing(answer, columns, rows, names, "No tokens.", ["SCOPES"]), output, as_json)


@commands.command("revoke", epilog=write_ending("holdfast token revoke ci", "holdfast token revoke ci --yes"))
def revoke_token(
    name: Name, yes: Yes = False, user: User = None, password_stdin: PasswordStdin = False, as_json: AsJson = False
) -> None:
    """Revoke one of your tokens. Asks for your password."""
    with connect_with_password(user, password_stdin=password_stdin) as client:
        token = next((entry for entry in client.get(PATH)["list"] if entry["name"] == name), None)
        if token is None:
            raise CommandFailed(f"You have no token named {name}. Run `holdfast token list` to see all.")
        confirm(f"Revoke token {name}?", yes=yes)
        client.call("DELETE", f"{PATH}/{encode_segment(token['id'])}")
    if as_json:
        write_json(token)
    else:
        say(f"Revoked token {name}.")


def _find_scopes(commands_: list[str]) -> list[str]:
    """Return the scopes that the commands need. Raises InvalidUsage."""
    scopes: list[str] = []
    for command in commands_:
        name = " ".join(command.split())
        if name not in SCOPES:
            raise InvalidUsage(
                f"--for {command!r} isn't a command with scopes. Use one such as apply, diff or 'api list'."
            )
        scopes += SCOPES[name]
    return scopes


def connect_with_password(user: str | None, *, password_stdin: bool) -> Client:
    """Connect with a password: that of the environment, or one that the user enters."""
    publisher, who = credentials.find()
    if who.password and user in {None, who.user} and not password_stdin:
        return Client(publisher, who)
    name = user or who.user or os.environ.get("HOLDFAST_USER", "")
    if not name:
        raise InvalidUsage("Name the user: --user NAME.")
    return Client(publisher, Credentials(name, read_password(f"Password of {name}", stdin=password_stdin)))
