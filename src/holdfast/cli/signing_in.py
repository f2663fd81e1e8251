"""
`holdfast login`, `logout` and `whoami`.
"""

import os
import sys
import warnings
from datetime import UTC, datetime
from getpass import GetPassWarning
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli import credentials
from holdfast.cli.client import Client
from holdfast.cli.credentials import DEFAULT_URL, Credentials, Publisher
from holdfast.cli.failures import CommandFailed, Interrupted, Misused, NotSignedIn
from holdfast.cli.help import ending
from holdfast.cli.output import AsJson, ask, date, say, tell, write_facts, write_json
from holdfast.cli.tokens import current_token, end_token, kept_as, make_token

MAX_SECRET = 1024
commands = typer.Typer()

Url = Annotated[str | None, Argument(metavar="URL", help=f"Where the publisher is [default: {DEFAULT_URL}].")]
User = Annotated[str | None, Option(metavar="NAME", help="Who signs in; asked for if left out.")]
PasswordStdin = Annotated[bool, Option("--password-stdin", help="Read the password from standard input.")]
TokenStdin = Annotated[
    bool, Option("--token-stdin", help="Keep a token from the page Tokens, read from standard input.")
]
CaFile = Annotated[str | None, Option(metavar="FILE", help="CA certificates (PEM) that the publisher's comes from.")]
InsecureHttp = Annotated[bool, Option("--insecure-http", help="Send the password to an http URL beyond this machine.")]


@commands.command(
    epilog=ending(
        "holdfast login https://publisher.example",
        "holdfast login https://publisher.example --user anna --password-stdin < password",
        "holdfast login https://publisher.example --token-stdin < token",
    )
)
def login(
    url: Url = None,
    user: User = None,
    password_stdin: PasswordStdin = False,
    token_stdin: TokenStdin = False,
    ca_file: CaFile = None,
    insecure_http: InsecureHttp = False,
) -> None:
    """
    Sign in, and keep a token for the next commands.

    The token is made for 90 days, with all scopes that your roles permit; the page Tokens lists it. Those who have no
    password here make one there, for --token-stdin. It is kept in ~/.config/holdfast/credentials.toml (below
    XDG_CONFIG_HOME if that is set), for its owner alone to read; the password is not kept. A token that was kept
    before is ended.

    HOLDFAST_URL with HOLDFAST_TOKEN, or with HOLDFAST_USER and HOLDFAST_PASSWORD, win over it;
    HOLDFAST_CA_FILE and HOLDFAST_INSECURE_HTTP=1 are --ca-file and --insecure-http.
    """
    environment = os.environ
    publisher = credentials.check_publisher(
        url or environment.get("HOLDFAST_URL") or DEFAULT_URL,
        ca_file or environment.get("HOLDFAST_CA_FILE"),
        insecure_http=insecure_http or environment.get("HOLDFAST_INSECURE_HTTP") == "1",
    )
    if token_stdin and (user or password_stdin):
        raise Misused("A token says who signs in. Leave out --user and --password-stdin.")
    who = _given_token(publisher) if token_stdin else _new_token(publisher, user, password_stdin)
    before, failed = _kept_before()
    try:
        file = credentials.keep(publisher, who)
    except CommandFailed:
        if not token_stdin:
            end_token(publisher, who)  # nobody else knows it
        raise
    say(f"Signed in to {publisher.url} as {who.user}, until {who.expires_at:%Y-%m-%d} (kept in {file}).")
    try:
        if before and before[1].token != who.token:
            end_token(*before)
    except CommandFailed as error:
        failed = error
    if failed:
        tell(str(failed))
    if _is_overruled():
        tell("HOLDFAST_TOKEN, or HOLDFAST_USER and HOLDFAST_PASSWORD, are set: commands use these.")


@commands.command(epilog=ending("holdfast logout"))
def logout() -> None:
    """
    End the token that login kept, and forget it.

    What cannot be ended, because the publisher cannot be reached, is forgotten all the same; exit code 3 then.
    """
    before, failed = _kept_before()
    ended = False
    try:
        ended = end_token(*before) if before else False
    except CommandFailed as error:
        failed = error
    if not credentials.forget():
        say("Nobody was signed in.")
        return
    say("Signed out; the token is ended." if ended else "Signed out.")
    if failed:
        raise failed
    if _is_overruled():
        tell("HOLDFAST_TOKEN, or HOLDFAST_USER and HOLDFAST_PASSWORD, are set: commands go on using these.")


@commands.command(
    epilog=ending("holdfast whoami", "holdfast whoami --json"),
)
def whoami(as_json: AsJson = False) -> None:
    """Say which publisher is asked and on whose behalf, what of that is kept, and until when."""
    publisher, who = credentials.find()
    with Client(publisher, who) as client:
        account = client.get("/account")
        token = current_token(client) if who.token else None
    file = credentials.credentials_file() if who.is_kept else None
    facts = {
        "url": publisher.url,
        "user": account["name"],
        "organization": account["organization"],
        "roles": account["roles"],
        "method": "token" if who.token else "password",
        "token": {name: token[name] for name in ("name", "scopes", "expiresTime")} if token else None,
        "file": str(file) if file else None,
    }
    if as_json:
        write_json(facts)
        return
    where = "HOLDFAST_USER and HOLDFAST_PASSWORD" if not who.token else f"kept in {file}" if file else "HOLDFAST_TOKEN"
    write_facts(
        [
            ("Publisher", publisher.url),
            ("User", facts["user"]),
            ("Organization", facts["organization"]),
            ("Roles", ", ".join(account["roles"])),
            ("Token" if who.token else "Password", where),
            ("Called", token and token["name"]),
            ("Until", token and f"{date(token['expiresTime'])} UTC"),
        ]
    )


def read_password(question: str, *, stdin: bool, new: bool = False) -> str:
    """
    Read a password from standard input (its first line) or, without an echo, from the terminal.

    A *new* one is typed twice.
    """
    if stdin:
        return _first_line("password")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", GetPassWarning)  # where there is no terminal, there is no echo
            password: str = typer.prompt(question, hide_input=True, err=True, confirmation_prompt=new)
    except typer.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise Interrupted("Interrupted.") from error
        text = "No password was given, so nothing was done. Add --password-stdin where nobody can be asked."
        raise CommandFailed(text) from error
    return password


def _new_token(publisher: Publisher, user: str | None, password_stdin: bool) -> Credentials:
    given = user or os.environ.get("HOLDFAST_USER")
    if password_stdin and not given:
        raise Misused("With --password-stdin nobody can be asked for the user. Add --user NAME.")
    name = given or ask("User [admin]:") or "admin"
    password = read_password(f"Password of {name}", stdin=password_stdin)
    with Client(publisher, Credentials(name, password)) as client:
        made = make_token(client, datetime.now(UTC))
    return kept_as(name, made["token"], made, publisher)


def _given_token(publisher: Publisher) -> Credentials:
    token = _first_line("token")
    with Client(publisher, Credentials(token=token)) as client:
        name, found = client.get("/account")["name"], current_token(client)
    if found is None:
        raise Misused("It is the token of an application, which ends soon. Make one on the page Tokens.")
    return kept_as(name, token, found, publisher)


def _kept_before() -> tuple[tuple[Publisher, Credentials] | None, CommandFailed | None]:
    """Read the token that is to be ended, or say why it cannot be read."""
    try:
        return credentials.kept(exposed=True), None
    except NotSignedIn:
        return None, None  # a password, which does not end
    except CommandFailed as error:
        return None, CommandFailed(f"The token that was kept is not ended: {error}")


def _first_line(what: str) -> str:
    line = sys.stdin.readline(MAX_SECRET + 1).rstrip("\r\n")
    if not line or len(line) > MAX_SECRET:
        raise Misused(f"Standard input begins with no {what} of at most {MAX_SECRET} characters.")
    return line


def _is_overruled() -> bool:
    return bool(os.environ.get("HOLDFAST_TOKEN") or os.environ.get("HOLDFAST_PASSWORD"))
