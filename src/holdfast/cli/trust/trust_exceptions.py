"""
The commands of `holdfast trust` for exceptions, which turn off verification of an endpoint until they expire.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer import Option

from holdfast.cli.exit_codes import WAITING
from holdfast.cli.failures import RequestRefused
from holdfast.cli.requests.client import Client, connect
from holdfast.cli.requests.enforcement import Wait, Within
from holdfast.cli.terminal.durations import parse_duration
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, Watch, show_listing
from holdfast.cli.terminal.output import AsJson, format_date
from holdfast.cli.trust.trust_settings import EndpointArgument, show_when_settled

if TYPE_CHECKING:
    from holdfast.apis.catalog.endpoint import Origin

EXCEPTION = "/endpoints/trust-exception"
EXCEPTIONS = "/endpoints/trust-exceptions"
commands = typer.Typer()


@commands.command("exceptions", epilog=write_ending("holdfast trust exceptions", "holdfast trust exceptions --json"))
def show_exceptions(output: Output = None, watch: Watch = False, as_json: AsJson = False) -> None:
    """List endpoints with verification turned off, with reason, owner and expiry."""
    with connect() as client:
        show_listing(lambda: _read_exceptions(client), output, as_json, watch=watch)


def _read_exceptions(client: Client) -> Listing:
    exceptions = list(client.list_entries(EXCEPTIONS, "list"))
    rows = [
        (exception["origin"], format_date(exception["until"]), exception["owner"], exception["reason"])
        for exception in exceptions
    ]
    return Listing(
        {"count": len(exceptions), "list": exceptions},
        ["ORIGIN", "EXPIRES (UTC)", "OWNER", "REASON"],
        rows,
        [exception["origin"] for exception in exceptions],
        "No exceptions. Every backend is verified.",
    )


@commands.command(
    "except",
    epilog=write_ending(
        'holdfast trust except https://backend.example:8443 --reason "renewed today, JIRA-12" --for 8h', codes=WAITING
    ),
)
def grant_exception(
    endpoint: EndpointArgument,
    reason: Annotated[str, Option(metavar="TEXT", help="Why verification must be off. Shown to everyone.")],
    for_: Annotated[
        timedelta, Option("--for", parser=parse_duration, metavar="DURATION", help="Such as 30m, 8h or 2d; up to 7d.")
    ],
    wait: Wait = False,
    within: Within = 30.0,
    as_json: AsJson = False,
) -> None:
    """Turn off verification for an endpoint. It turns back on automatically."""
    until = datetime.now(UTC) + for_
    with connect() as client:
        body = {"reason": reason, "until": until.isoformat()}
        client.call("PUT", EXCEPTION, params={"endpoint": endpoint}, json=body)
        show_when_settled(client, endpoint, wait=wait, within=within, as_json=as_json)


@commands.command(
    "verify", epilog=write_ending("holdfast trust verify https://backend.example:8443 --wait", codes=WAITING)
)
def end_exception(
    endpoint: EndpointArgument, wait: Wait = False, within: Within = 30.0, as_json: AsJson = False
) -> None:
    """Turn verification for an endpoint back on."""
    with connect() as client:
        client.call("DELETE", EXCEPTION, params={"endpoint": endpoint})
        show_when_settled(client, endpoint, wait=wait, within=within, as_json=as_json)


def list_exceptions(client: Client, origins: "Collection[Origin] | None" = None) -> list[dict[str, Any]] | None:
    """List the exceptions for *origins* (None: for all); None if the user lacks the permission."""
    from holdfast.cli.trust.origins import find_origins

    try:
        exceptions = list(client.list_entries(EXCEPTIONS, "list"))
    except RequestRefused as error:
        if error.status == 403:
            return None
        raise
    return [
        exception
        for exception in exceptions
        if origins is None or not find_origins([exception["origin"]]).isdisjoint(origins)
    ]


def describe_exception(exception: dict[str, Any]) -> str:
    """Describe an exception in one line."""
    until = f"until {format_date(exception['until'])} UTC. Reason ({exception['owner']}): {exception['reason']}"
    return f"Verification is off for {exception['origin']} {until}"
