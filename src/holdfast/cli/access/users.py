"""
`holdfast user`: manage the users of the organization.
"""

from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.access.passwords import PasswordStdin, read_password
from holdfast.cli.failures import InvalidUsage
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import connect, encode_segment
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, write_listing
from holdfast.cli.terminal.output import (
    AsJson,
    Yes,
    confirm,
    say,
    write_facts,
    write_json,
)

PATH = "/users"
commands = typer.Typer(no_args_is_help=True)

Name = Annotated[str, Argument(metavar="NAME", help="User name for sign-in.", autocompletion=completion.complete_users)]
NewName = Annotated[str, Argument(metavar="NAME", help="User name.")]
Roles = Annotated[
    list[str],
    Option(
        "--role",
        metavar="ROLE",
        help="admin, creator, publisher or viewer. Repeatable.",
        autocompletion=completion.complete_roles,
    ),
]
NewRoles = Annotated[
    list[str] | None,
    Option(
        "--role",
        metavar="ROLE",
        help="Replace the user's roles. Repeatable.",
        autocompletion=completion.complete_roles,
    ),
]
Enabled = Annotated[
    bool | None, Option("--enable/--disable", help="Allow or block sign-in. --disable also signs the user out.")
]


@commands.command("list", epilog=write_ending("holdfast user list", "holdfast user list --json"))
def list_users(output: Output = None, as_json: AsJson = False) -> None:
    """List users by name."""
    with connect() as client:
        users = list(client.list_entries(PATH, "list"))
    rows = [(user["name"], ", ".join(user["roles"]), _describe_state(user)) for user in users]
    body, names = {"count": len(users), "list": users}, [user["name"] for user in users]
    write_listing(Listing(body, ["NAME", "ROLES", "STATE"], rows, names, "No users."), output, as_json)


@commands.command(
    "create",
    epilog=write_ending(
        "holdfast user create anna --role creator --role publisher",
        "holdfast user create anna --role viewer --password-stdin < password",
    ),
)
def create_user(name: NewName, role: Roles, password_stdin: PasswordStdin = False, as_json: AsJson = False) -> None:
    """Create a user. Prompts for the password."""
    for wrong in set(role) - set(completion.ROLES):  # before anyone types a password
        raise InvalidUsage(f"The role {wrong} doesn't exist. Choose one or more of {', '.join(completion.ROLES)}.")
    password = read_password(f"Password of {name}", stdin=password_stdin, new=True)
    with connect() as client:
        user = client.call("POST", PATH, json={"name": name, "password": password, "roles": role})
    _print_user(user, f"Created user {user['name']} ({', '.join(user['roles'])}).", as_json)


@commands.command("show", epilog=write_ending("holdfast user show anna"))
def show_user(name: Name, as_json: AsJson = False) -> None:
    """Show a user's roles and whether they can sign in."""
    with connect() as client:
        user = client.get(_build_path(name))
    if as_json:
        write_json(user)
    else:
        write_facts([("Name", user["name"]), ("Roles", ", ".join(user["roles"])), ("State", _describe_state(user))])


@commands.command(
    "change",
    epilog=write_ending(
        "holdfast user change anna --role viewer",
        "holdfast user change anna --disable",
    ),
)
def change_user(name: Name, role: NewRoles = None, enable: Enabled = None, as_json: AsJson = False) -> None:
    """Change a user's roles, or disable or enable the user."""
    body = {"roles": role or None, "disabled": None if enable is None else not enable}
    changes = {member: value for member, value in body.items() if value is not None}
    if not changes:
        raise InvalidUsage("Nothing to change. Add an option; --help lists them.")
    with connect() as client:
        after = client.call("PUT", _build_path(name), json=changes)
    _print_user(
        after, f"Changed user {after['name']} ({', '.join(after['roles'])}), {_describe_state(after)}.", as_json
    )


@commands.command(
    "password",
    epilog=write_ending("holdfast user password anna", "holdfast user password anna --password-stdin < password"),
)
def set_password(name: Name, password_stdin: PasswordStdin = False) -> None:
    """Reset a user's password. Prompts for it, signs the user out and revokes their tokens."""
    password = read_password(f"New password of {name}", stdin=password_stdin, new=True)
    with connect() as client:
        client.call("PUT", f"{_build_path(name)}/password", json={"password": password})
    say(f"Reset the password of {name}. The user was signed out and their tokens were revoked.")


@commands.command("delete", epilog=write_ending("holdfast user delete anna", "holdfast user delete anna --yes"))
def delete_user(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a user and their tokens. Their APIs and certificates stay."""
    with connect() as client:
        user = client.get(_build_path(name))
        confirm(f"Delete user {user['name']} ({', '.join(user['roles'])})?", yes=yes)
        client.call("DELETE", _build_path(name))
    _print_user(user, f"Deleted user {user['name']}.", as_json)


def _describe_state(user: dict[str, Any]) -> str:
    return "disabled" if user["disabled"] else "enabled"


def _build_path(name: str) -> str:
    return f"{PATH}/{encode_segment(name)}"


def _print_user(user: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        write_json(user)
    else:
        say(sentence)
