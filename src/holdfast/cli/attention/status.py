"""
`holdfast status`: what needs attention, as on Home.
"""

from enum import StrEnum
from typing import Annotated, Any

import typer
from typer import Option

from holdfast.cli.exit_codes import CLIENT, ExitCode
from holdfast.cli.requests.client import Client, connect
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, Watch, show_listing
from holdfast.cli.terminal.output import AsJson, format_date

PATH = "/attention"
NOTHING = "Nothing needs your attention."
commands = typer.Typer()


class Urgency(StrEnum):
    """The least urgency of items that make the command fail; `never`: it doesn't fail because of items."""

    NOW = "now"
    SOON = "soon"
    LATER = "later"
    NEVER = "never"


_COUNTED = {  # the urgencies of items that count for each choice
    Urgency.NOW: {"now"},
    Urgency.SOON: {"now", "soon"},
    Urgency.LATER: {"now", "soon", "later"},
    Urgency.NEVER: set[str](),
}


@commands.command(
    "status",
    epilog=write_ending(
        "holdfast status",
        "holdfast status --watch",
        "holdfast status --fail-on now --json",
        codes=(*CLIENT, ExitCode.ATTENTION),
    ),
)
def show_status(
    fail_on: Annotated[
        Urgency, Option("--fail-on", metavar="URGENCY", help="now, soon, later or never: what exit code 9 is for.")
    ] = Urgency.SOON,
    output: Output = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """
    Show what needs attention: failing backends, expiring certificates, gateways, exceptions, what to retire.

    Exits with 9 if something must be done now, or soon: within 30 days.
    """
    with connect() as client:
        listing = _read(client)
        show_listing(_make_reader(client, listing), output, as_json, watch=watch)
    if any(item["urgency"] in _COUNTED[fail_on] for item in listing.body["list"]):
        raise typer.Exit(int(ExitCode.ATTENTION))


def _read(client: Client) -> Listing:
    answer = client.get(PATH)
    items = answer["list"]
    rows = [(item["urgency"], item["message"], _show_example(item), item["kind"], item["page"]) for item in items]
    return Listing(
        answer,
        ["URGENCY", "WHAT", "MOST URGENT"],
        rows,
        [item["kind"] for item in items],
        NOTHING,
        ["KIND", "PAGE"],
    )


def _make_reader(client: Client, first: Listing) -> Any:
    """Return a function that returns *first*, and then what it reads each time."""
    listings = [first]
    return lambda: listings.pop() if listings else _read(client)


def _show_example(item: dict[str, Any]) -> str:
    when = f", {item['event'] or 'since'} {format_date(item['time'])} UTC" if item["time"] else ""
    return f"{item['example']}{when}"
