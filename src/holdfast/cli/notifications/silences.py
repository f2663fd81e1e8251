"""
The commands of `holdfast notification` for silences and owners.
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli.catalog.apis import find_api
from holdfast.cli.failures import InvalidUsage
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import connect, encode_segment
from holdfast.cli.terminal.durations import parse_duration
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, write_listing
from holdfast.cli.terminal.output import AsJson, format_date, say, write_json

SILENCES = "/silences"
commands = typer.Typer()


@commands.command(
    "silences", epilog=write_ending("holdfast notification silences", "holdfast notification silences --json")
)
def list_silences(output: Output = None, as_json: AsJson = False) -> None:
    """List what nobody is notified of for a while."""
    with connect() as client:
        silences = client.get(SILENCES)
    rows = [
        (
            silence["kind"] or "any",
            silence["about"] or "any",
            format_date(silence["until"]),
            silence["createdBy"],
            silence["reason"],
            silence["id"],
        )
        for silence in silences["list"]
    ]
    columns, names = (
        ["KIND", "ABOUT", "ENDS (UTC)", "BY", "REASON", "ID"],
        [silence["id"] for silence in silences["list"]],
    )
    write_listing(Listing(silences, columns, rows, names, "No silences."), output, as_json)


@commands.command(
    "silence",
    epilog=write_ending('holdfast notification silence --about gateway:eu-1 --for 4h --reason "The machine is moved"'),
)
def create_silence(
    reason: Annotated[str, Option(metavar="TEXT", help="Why nobody should be notified.")],
    for_: Annotated[
        timedelta, Option("--for", parser=parse_duration, metavar="DURATION", help="Such as 4h or 2d; up to 90d.")
    ],
    kind: Annotated[str, Option(metavar="KIND", help="Kind of events, such as backend_failure.")] = "",
    about: Annotated[str, Option(metavar="OBJECT", help="Such as gateway:eu-1 or certificate:orders.")] = "",
    as_json: AsJson = False,
) -> None:
    """Silence a kind of events, an object, or both. It ends automatically."""
    body = {"kind": kind, "about": about, "reason": reason, "until": (datetime.now(UTC) + for_).isoformat()}
    with connect() as client:
        silence = client.call("POST", SILENCES, json=body)
    if as_json:
        write_json(silence)
    else:
        say(
            f"Silenced until {format_date(silence['until'])} UTC. End it with `holdfast notification unsilence "
            f"{silence['id']}`."
        )


@commands.command(
    "unsilence", epilog=write_ending("holdfast notification unsilence 5b0c2d0e-7d3c-4b4a-9d52-2a53a2b8a0d5")
)
def end_silence(silence_id: Annotated[str, Argument(metavar="ID", help="ID of the silence.")]) -> None:
    """End a silence."""
    with connect() as client:
        client.call("DELETE", f"{SILENCES}/{encode_segment(silence_id)}")
    say("The silence has ended.")


@commands.command(
    "owners",
    epilog=write_ending(
        "holdfast notification owners Pizza:1.0.0",
        "holdfast notification owners Pizza:1.0.0 --set team@example.com --set channel:team",
        "holdfast notification owners --certificate pizza-backend --set none",
    ),
)
def change_owners(
    api: Annotated[
        str, Argument(metavar="API", help="NAME, NAME:VERSION or ID.", autocompletion=completion.complete_apis)
    ] = "",
    certificate: Annotated[
        str,
        Option(metavar="ALIAS", help="An endpoint certificate instead.", autocompletion=completion.complete_aliases),
    ] = "",
    owners: Annotated[
        list[str] | None,
        Option("--set", metavar="OWNER", help="E-mail address, user:NAME, channel:NAME or none. Replaces all owners."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show or replace the owners of an API or an endpoint certificate."""
    if bool(api) == bool(certificate):
        raise InvalidUsage("Name an API, or a certificate with --certificate.")
    with connect() as client:
        path = f"/endpoint-certificates/{encode_segment(certificate)}" if certificate else ""
        path = path or f"/apis/{encode_segment(find_api(client, api)['id'])}"
        path = f"{path}/owners"
        if owners:
            answer = client.call("PUT", path, json={"owners": [] if owners == ["none"] else owners})
        else:
            answer = client.get(path)
    if as_json:
        write_json(answer)
    else:
        say("\n".join(answer["owners"]) or "No owners.")
