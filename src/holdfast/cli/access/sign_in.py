"""
`holdfast login`, `logout` and `whoami`.
"""

import os
from datetime import UTC, datetime
from itertools import count
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli.access.context_commands import end_context
from holdfast.cli.access.passwords import PasswordStdin, read_first_line, read_password
from holdfast.cli.access.tokens import end_token, find_current_token, keep_as, make_token
from holdfast.cli.failures import CommandFailed, InvalidUsage, SignInRequired
from holdfast.cli.requests.client import Client
from holdfast.cli.requests.context_choice import context_choice
from holdfast.cli.requests.contexts import (
    Contexts,
    PublisherContext,
    check_context_name,
    find_context,
    is_exposed,
    keep_context,
    locate_credentials_file,
    name_from_url,
    read_contexts,
    write_contexts,
)
from holdfast.cli.requests.credentials import find, find_context_name
from holdfast.cli.requests.publisher import DEFAULT_URL, Credentials, Publisher, check_publisher
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, ask, format_date, say, tell, write_facts, write_json

commands = typer.Typer()

Url = Annotated[str | None, Argument(metavar="URL", help=f"URL of the publisher [default: {DEFAULT_URL}].")]
User = Annotated[str | None, Option(metavar="NAME", help="User name. Prompts for it if omitted.")]
TokenStdin = Annotated[bool, Option("--token-stdin", help="Read a token from the Tokens page from standard input.")]
CaFile = Annotated[str | None, Option(metavar="FILE", help="CA certificates (PEM) to verify the publisher with.")]
InsecureHttp = Annotated[bool, Option("--insecure-http", help="Allow a plain HTTP URL on another machine.")]


@commands.command(
    epilog=write_ending(
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
    Sign in and store a token for later commands.

    The token is valid for 90 days, has all scopes that your roles allow, and appears on the Tokens page. If you sign in
    through an identity provider, create a token on that page and use --token-stdin. The token is stored in
    ~/.config/holdfast/credentials.toml (or under XDG_CONFIG_HOME), which only you can read. The password isn't stored.

    Each publisher gets a context, named after its host or with --context. `holdfast context list` shows them. Signing
    in again revokes the previous token of the context.

    HOLDFAST_URL with HOLDFAST_TOKEN, or with HOLDFAST_USER and HOLDFAST_PASSWORD, take precedence over stored tokens.
    HOLDFAST_CA_FILE and HOLDFAST_INSECURE_HTTP=1 are the same as --ca-file and --insecure-http.
    """
    if token_stdin and (user or password_stdin):
        raise InvalidUsage("--token-stdin can't be combined with --user or --password-stdin.")
    contexts, unreadable = _read_contexts()
    name, publisher = _choose_context(contexts, url, ca_file, insecure_http=insecure_http)
    before, were_exposed = contexts.by_name.get(name), is_exposed()
    who = _read_token(publisher) if token_stdin else _create_token(publisher, user, password_stdin)
    try:
        file = keep_context(name, PublisherContext(publisher, who))
    except CommandFailed:
        end_token(publisher, who)  # nobody else knows a new token
        raise
    until = f"{who.expires_at:%Y-%m-%d}"
    say(f"Signed in to {publisher.url} as {who.user} until {until} (context {name}, stored in {file}).")
    failure = unreadable
    try:
        if before and before.who.token != who.token:
            end_token(before.publisher, before.who)
    except CommandFailed as error:
        failure = error
    if failure:
        tell(str(failure))
    others = [other for other in contexts.by_name if other != name]
    if were_exposed and others:
        tell(
            f"Other users could also read the tokens of {', '.join(others)}. Log in to each again to revoke its token."
        )
    if _is_overruled():
        tell("HOLDFAST_TOKEN or HOLDFAST_PASSWORD is set: commands use it instead.")


@commands.command(epilog=write_ending("holdfast logout", "holdfast logout --context staging"))
def logout() -> None:
    """
    Sign out, and revoke the stored token if login created it.

    A token from --token-stdin stays valid, because it can be in use elsewhere. If the publisher can't be reached, the
    token is deleted here but not revoked (exit code 3).
    """
    contexts, unreadable = _read_contexts()
    if unreadable:
        write_contexts(Contexts())
        say("Signed out.")
        raise unreadable
    name = find_context_name(contexts)
    if not name:
        has_password = not contexts.by_name and locate_credentials_file().exists()
        if has_password:
            write_contexts(contexts)
        say("Signed out." if has_password else "You weren't signed in.")
        return
    end_context(name, find_context(contexts, name))
    if _is_overruled():
        tell("HOLDFAST_TOKEN or HOLDFAST_PASSWORD is still set: commands use it.")


@commands.command(
    epilog=write_ending("holdfast whoami", "holdfast whoami --json"),
)
def whoami(as_json: AsJson = False) -> None:
    """Show the publisher, the signed-in user, and the token and its expiry."""
    publisher, who = find()
    with Client(publisher, who) as client:
        account = client.get("/account")
        token = find_current_token(client) if who.token else None
    file = locate_credentials_file() if who.is_kept else None
    facts = {
        "context": _find_context_name(publisher, who),
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
    where = (
        "HOLDFAST_USER and HOLDFAST_PASSWORD" if not who.token else f"stored in {file}" if file else "HOLDFAST_TOKEN"
    )
    write_facts(
        [
            ("Context", facts["context"]),
            ("Publisher", publisher.url),
            ("User", facts["user"]),
            ("Organization", facts["organization"]),
            ("Roles", ", ".join(account["roles"])),
            ("Token" if who.token else "Password", where),
            ("Token name", token and token["name"]),
            ("Expires", token and f"{format_date(token['expiresTime'])} UTC"),
        ]
    )


def _find_context_name(publisher: Publisher, who: Credentials) -> str | None:
    if not who.is_kept:
        return None
    contexts = read_contexts().by_name.items()
    return next(
        (name for name, context in contexts if context.publisher.url == publisher.url and context.who == who), None
    )


def _create_token(publisher: Publisher, user: str | None, password_stdin: bool) -> Credentials:
    user_name = user or os.environ.get("HOLDFAST_USER")
    if password_stdin and not user_name:
        raise InvalidUsage("--password-stdin needs --user NAME.")
    name = user_name or ask("User [admin]:", "--user and --password-stdin") or "admin"
    password = read_password(f"Password of {name}", stdin=password_stdin)
    with Client(publisher, Credentials(name, password)) as client:
        answer = make_token(client, datetime.now(UTC))
    return keep_as(name, answer["token"], answer, publisher, by_login=True)


def _read_token(publisher: Publisher) -> Credentials:
    token = read_first_line("token")
    with Client(publisher, Credentials(token=token)) as client:
        name, current = client.get("/account")["name"], find_current_token(client)
    if current is None:
        raise InvalidUsage("This is an application's short-lived token. Create a token on the Tokens page instead.")
    return keep_as(name, token, current, publisher, by_login=False)


def _read_contexts() -> tuple[Contexts, CommandFailed | None]:
    """Read all contexts, and the reason if their tokens can't be revoked."""
    try:
        return read_contexts(exposed=True), None
    except SignInRequired:
        return Contexts(), None  # a stored password, which can't be revoked
    except CommandFailed as error:
        return Contexts(), CommandFailed(f"The stored token wasn't revoked: {error}")


def _choose_context(
    contexts: Contexts, url: str | None, ca_file: str | None, *, insecure_http: bool
) -> tuple[str, Publisher]:
    """Choose the context to sign in to, and its publisher."""
    environment = os.environ
    name = context_choice.get() or environment.get("HOLDFAST_CONTEXT", "")
    present = contexts.by_name.get(check_context_name(name)) if name else None
    former = present.publisher if present and not url else None
    publisher = check_publisher(
        url or (former.url if former else None) or environment.get("HOLDFAST_URL") or DEFAULT_URL,
        ca_file or environment.get("HOLDFAST_CA_FILE") or (str(former.ca_file) if former and former.ca_file else None),
        insecure_http=insecure_http
        or environment.get("HOLDFAST_INSECURE_HTTP") == "1"
        or (former is not None and former.insecure_http),
    )
    if present and present.publisher.url != publisher.url:
        where = present.publisher.url
        raise InvalidUsage(
            f"Context {name} is for {where}. Choose another name, or run `holdfast context delete {name}`."
        )
    return name or contexts.find_name(publisher.url) or _find_free_name(contexts, publisher.url), publisher


def _find_free_name(contexts: Contexts, url: str) -> str:
    name = name_from_url(url)
    return (
        name
        if name not in contexts.by_name
        else next(candidate for number in count(2) if (candidate := f"{name}-{number}") not in contexts.by_name)
    )


def _is_overruled() -> bool:
    return bool(os.environ.get("HOLDFAST_TOKEN") or os.environ.get("HOLDFAST_PASSWORD"))
