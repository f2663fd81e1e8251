"""
`holdfast login`, `logout` and `whoami`.
"""

import os
import sys
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli import credentials
from holdfast.cli.client import Client
from holdfast.cli.credentials import DEFAULT_URL, Credentials
from holdfast.cli.failures import Misused
from holdfast.cli.output import AsJson, ask, say, tell, write_facts, write_json

MAX_PASSWORD = 1024
commands = typer.Typer()

Url = Annotated[str | None, Argument(metavar="[URL]", help=f"Where the publisher is [default: {DEFAULT_URL}].")]
User = Annotated[str | None, Option(metavar="NAME", help="Who signs in; asked for if left out.")]
PasswordStdin = Annotated[bool, Option("--password-stdin", help="Read the password from standard input.")]
CaFile = Annotated[str | None, Option(metavar="FILE", help="CA certificates (PEM) that the publisher's comes from.")]
InsecureHttp = Annotated[bool, Option("--insecure-http", help="Send the password to an http URL beyond this machine.")]


@commands.command()
def login(
    url: Url = None,
    user: User = None,
    password_stdin: PasswordStdin = False,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """
    Sign in, and keep that for the next commands.

    It is kept in ~/.config/holdfast/credentials.toml (below XDG_CONFIG_HOME if that is set), for its owner alone to
    read. HOLDFAST_URL with HOLDFAST_TOKEN, or with HOLDFAST_USER and HOLDFAST_PASSWORD, win over it;
    HOLDFAST_CA_FILE and HOLDFAST_INSECURE_HTTP=1 are --ca-file and --insecure-http.
    """
    environment = os.environ
    publisher = credentials.check_publisher(
        url or environment.get("HOLDFAST_URL") or DEFAULT_URL,
        ca_file or environment.get("HOLDFAST_CA_FILE"),
        insecure_http=insecure_http or environment.get("HOLDFAST_INSECURE_HTTP") == "1",
    )
    if password_stdin and not (user or environment.get("HOLDFAST_USER")):
        raise Misused("With --password-stdin nobody can be asked for the user. Add --user NAME.")
    name = user or environment.get("HOLDFAST_USER") or ask("User [admin]:") or "admin"
    who = Credentials(name, read_password(f"Password of {name}", stdin=password_stdin))
    with Client(publisher, who) as client:
        client.check()
    file = credentials.keep(publisher, who)
    say(f"Signed in to {publisher.url} as {name} (kept in {file}).")
    if environment.get("HOLDFAST_TOKEN") or environment.get("HOLDFAST_PASSWORD"):
        tell("HOLDFAST_TOKEN, or HOLDFAST_USER and HOLDFAST_PASSWORD, are set: commands use these.")


@commands.command()
def logout() -> None:
    """Forget what login kept."""
    say("Signed out." if credentials.forget() else "Nobody was signed in.")


@commands.command()
def whoami(as_json: AsJson = False) -> None:
    """Say which publisher is asked and on whose behalf, and whether it agrees."""
    publisher, who = credentials.find()
    with Client(publisher, who) as client:
        client.check()
    if as_json:
        write_json({"url": publisher.url, "user": who.user or None, "method": "token" if who.token else "password"})
    else:
        write_facts([("Publisher", publisher.url), ("User", who.user or "whose token HOLDFAST_TOKEN is")])


def read_password(question: str, *, stdin: bool) -> str:
    """Read a password from standard input (its first line) or, without an echo, from the terminal."""
    if not stdin:
        password: str = typer.prompt(question, hide_input=True, err=True)
        return password
    line = sys.stdin.readline(MAX_PASSWORD + 1).rstrip("\r\n")
    if not line or len(line) > MAX_PASSWORD:
        raise Misused(f"Standard input begins with no password of at most {MAX_PASSWORD} characters.")
    return line
