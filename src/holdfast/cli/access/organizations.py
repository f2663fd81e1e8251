"""
`holdfast organization`: manage organizations, for admins of the default one.
"""

from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli.access.passwords import PasswordStdin, read_password
from holdfast.cli.requests.client import connect
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, write_listing
from holdfast.cli.terminal.output import AsJson, say, write_json

PATH = "/installation/organizations"
commands = typer.Typer(no_args_is_help=True)


@commands.command("list", epilog=write_ending("holdfast organization list", "holdfast organization list --json"))
def list_organizations(output: Output = None, as_json: AsJson = False) -> None:
    """List organizations by name."""
    with connect() as client:
        answer = client.get(PATH)
    names = [organization["organization"] for organization in answer["list"]]
    rows = [(name,) for name in names]
    write_listing(Listing(answer, ["ORGANIZATION"], rows, names, "No organizations."), output, as_json)


@commands.command(
    "create",
    epilog=write_ending(
        "holdfast organization create bakery --admin anna",
        "holdfast organization create bakery --admin anna --password-stdin < password",
    ),
)
def create_organization(
    name: Annotated[str, Argument(metavar="NAME", help="Lower-case letters, digits and hyphens.")],
    admin: Annotated[str, Option(metavar="NAME", help="First admin, who signs in as NAME@ORGANIZATION.")],
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Create an organization and its first admin. Prompts for the admin's password."""
    password = read_password(f"Password of {admin}", stdin=password_stdin, new=True)
    with connect() as client:
        answer = client.call("POST", PATH, json={"organization": name, "admin": admin, "password": password})
    if as_json:
        write_json(answer)
    else:
        say(f"Created organization {answer['organization']}. Its admin signs in as {answer['admin']['name']}.")
