"""
`holdfast gateway-group`: manage groups of gateways, for admins of the default organization.
"""

from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.failures import InvalidUsage
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import connect, encode_segment
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, write_listing
from holdfast.cli.terminal.output import AsJson, Yes, confirm, format_date, say, write_facts, write_json

PATH = "/gateways/groups"
LISTENERS = {
    "production": "Production",
    "productionTls": "Production (TLS)",
    "sandbox": "Sandbox",
    "sandboxTls": "Sandbox (TLS)",
}
commands = typer.Typer(no_args_is_help=True)

Name = Annotated[str, Argument(metavar="NAME", help="Name of the group.", autocompletion=completion.complete_groups)]
NewName = Annotated[str, Argument(metavar="NAME", help="Letters, digits, spaces, dots, hyphens and underscores.")]
DisplayName = Annotated[str | None, Option(metavar="TEXT", help="Name for people.")]
Description = Annotated[str | None, Option(metavar="TEXT")]
Urls = Annotated[
    list[str] | None,
    Option("--url", metavar="LISTENER=URL", help=f"URL for callers; LISTENER is {', '.join(LISTENERS)}. Repeatable."),
]
Listen = Annotated[
    list[str] | None,
    Option(
        "--listen",
        metavar="LISTENER=IP:PORT",
        help="Address on which gateways listen; by default, those of the publisher's settings. Repeatable.",
    ),
]


@commands.command("list", epilog=write_ending("holdfast gateway-group list", "holdfast gateway-group list --json"))
def list_groups(output: Output = None, as_json: AsJson = False) -> None:
    """List groups by name."""
    with connect() as client:
        groups = client.get(PATH)
    rows = [
        (group["name"], group["displayName"], str(group["apis"]), str(group["connectedGateways"]))
        for group in groups["list"]
    ]
    columns, names = ["NAME", "DISPLAY NAME", "APIS", "CONNECTED GATEWAYS"], [group["name"] for group in groups["list"]]
    write_listing(Listing(groups, columns, rows, names, "No groups."), output, as_json)


@commands.command(
    "show", epilog=write_ending("holdfast gateway-group show eu", "holdfast gateway-group show eu --json")
)
def show_group(name: Name, as_json: AsJson = False) -> None:
    """Show a group's addresses."""
    with connect() as client:
        group = client.get(_build_path(name))
    if as_json:
        write_json(group)
        return
    facts: list[tuple[str, object]] = [
        ("Name", group["name"]),
        ("Display name", group["displayName"]),
        ("Description", group["description"]),
        ("APIs", group["apis"]),
        ("Connected gateways", group["connectedGateways"]),
        ("Created", format_date(group["createdTime"])),
    ]
    facts += [(title, group["urls"].get(listener, "")) for listener, title in LISTENERS.items()]
    facts += [(f"{title} listens on", group["listen"].get(listener, [])) for listener, title in LISTENERS.items()]
    write_facts(facts)


@commands.command(
    "create",
    epilog=write_ending(
        "holdfast gateway-group create eu --url production=http://eu.example --url productionTls=https://eu.example",
        "holdfast gateway-group create eu --listen production=0.0.0.0:8280",
    ),
)
def create_group(
    name: NewName,
    display_name: DisplayName = None,
    description: Description = None,
    url: Urls = None,
    listen: Listen = None,
    as_json: AsJson = False,
) -> None:
    """Create a group. APIs can then be deployed to it."""
    body = {"name": name} | _read_changes(display_name, description, url, listen)
    with connect() as client:
        group = client.call("POST", PATH, json=body)
    _write(group, f"Created group {group['name']}. To add a gateway, enroll it with --group.", as_json)


@commands.command(
    "set",
    epilog=write_ending(
        'holdfast gateway-group set eu --display-name "Europe"',
        "holdfast gateway-group set eu --url production=http://eu.example --url sandbox=none",
    ),
)
def set_group(
    name: Name,
    display_name: DisplayName = None,
    description: Description = None,
    url: Urls = None,
    listen: Listen = None,
    as_json: AsJson = False,
) -> None:
    """Change a group. Settings without an option stay as they are; the address `none` removes a listener's."""
    changes = _read_changes(display_name, description, url, listen)
    if not changes:
        raise InvalidUsage("Nothing to change. Add an option such as --display-name TEXT; see --help.")
    with connect() as client:
        before = client.get(_build_path(name))
        for member in ("urls", "listen"):
            if member in changes:
                changes[member] = before[member] | changes[member]
        group = client.call("PUT", _build_path(name), json=changes)
    _write(group, f"Changed group {group['name']}.", as_json)


@commands.command(
    "delete", epilog=write_ending("holdfast gateway-group delete eu", "holdfast gateway-group delete eu --yes")
)
def delete_group(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a group without APIs and gateways."""
    with connect() as client:
        group = client.get(_build_path(name))
        confirm(f"Delete group {group['name']}?", yes=yes)
        client.call("DELETE", _build_path(name))
    _write(group, f"Deleted group {group['name']}.", as_json)


def _read_changes(
    display_name: str | None, description: str | None, urls: list[str] | None, listen: list[str] | None
) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if display_name is not None:
        changes["displayName"] = display_name
    if description is not None:
        changes["description"] = description
    if urls:
        changes["urls"] = {
            listener: values[-1] if values else "" for listener, values in _read_by_listener(urls).items()
        }
    if listen:
        changes["listen"] = _read_by_listener(listen)
    return changes


def _read_by_listener(options: list[str]) -> dict[str, list[str]]:
    """Read LISTENER=VALUE; the value `none` is left out."""
    values: dict[str, list[str]] = {}
    for option in options:
        listener, equals, value = option.partition("=")
        if listener not in LISTENERS or not equals:
            raise InvalidUsage(f"{option!r} isn't LISTENER=ADDRESS. LISTENER is one of {', '.join(LISTENERS)}.")
        values.setdefault(listener, [])
        if value != "none":
            values[listener].append(value)
    return values


def _write(group: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        write_json(group)
    else:
        say(sentence)


def _build_path(name: str) -> str:
    return f"{PATH}/{encode_segment(name)}"
