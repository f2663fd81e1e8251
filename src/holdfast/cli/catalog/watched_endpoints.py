"""
`holdfast endpoint status` and `history`: what backends present, and what they presented before.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.catalog.apis import find_api
from holdfast.cli.failures import CommandFailed
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import Client, connect, encode_segment
from holdfast.cli.terminal.durations import parse_duration
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, Watch, show_listing, write_listing
from holdfast.cli.terminal.output import AsJson, NarrowTable, format_date, group_fingerprint

PATH = "/watched-endpoints"
NOT_WATCHED = "No https endpoint is watched yet. Holdfast checks new endpoints once a gateway is connected."
commands = typer.Typer(no_args_is_help=True)


class Status(StrEnum):
    """The statuses that endpoints can be filtered by."""

    CHANGED = "changed"
    NOT_TRUSTED = "not_trusted"
    EXPIRING = "expiring"
    UNREACHABLE = "unreachable"
    NOT_CHECKED = "not_checked"
    TRUSTED = "trusted"


STATES = {
    "changed": "changed",
    "not_trusted": "not trusted",
    "expiring": "expiring",
    "unreachable": "not reachable",
    "not_checked": "not checked yet",
    "trusted": "trusted",
}


@commands.command(
    "status",
    epilog=write_ending(
        "holdfast endpoint status",
        "holdfast endpoint status --only changed",
        "holdfast endpoint status --query backend.example",
        "holdfast endpoint status --api Pizza --expires-within 30d --json",
    ),
)
def show_status(
    only: Annotated[Status | None, Option(help="Show only endpoints with this status.")] = None,
    api: Annotated[
        str, Option(metavar="API", help="Show only endpoints of this API.", autocompletion=completion.complete_apis)
    ] = "",
    expires_within: Annotated[
        timedelta | None,
        Option(
            parser=parse_duration,
            metavar="DURATION",
            help="Show only endpoints whose certificate expires within, such as 30d.",
        ),
    ] = None,
    query: Annotated[
        str,
        Option(
            metavar="TEXT",
            help="Show only endpoints with TEXT in the URL, or in the name or issuer of what the backend presents.",
        ),
    ] = "",
    output: Output = None,
    watch: Watch = False,
    as_json: AsJson = False,
) -> None:
    """Show which certificates backends present, and whether gateways accept them."""
    filters = {name: value for name, value in {"status": only, "query": query}.items() if value}
    if expires_within:
        filters["expiresBefore"] = (datetime.now(UTC) + expires_within).isoformat()
    with connect() as client:
        if api:
            filters["apiId"] = find_api(client, api)["id"]
        show_listing(lambda: _read_endpoints(client, filters), output, as_json, watch=watch)


def _read_endpoints(client: Client, filters: dict[str, str]) -> Listing:
    endpoints = list(client.list_entries(PATH, "list", **filters))
    return Listing(
        {"count": len(endpoints), "list": endpoints},
        ["ENDPOINT", "STATUS", "PRESENTS", "EXPIRES", "TRUSTED UNTIL", "NOTES"],
        [_build_row(endpoint) for endpoint in endpoints],
        [endpoint["endpoint"] for endpoint in endpoints],
        "No endpoint matches." if filters else NOT_WATCHED,
        narrow=NarrowTable(
            ["ENDPOINT", "STATUS"], [(endpoint["endpoint"], _write_status(endpoint)) for endpoint in endpoints]
        ),
    )


@commands.command(
    "history",
    epilog=write_ending(
        "holdfast endpoint history https://backend.example:8443",
        "holdfast endpoint history https://backend.example:8443 --json",
    ),
)
def show_history(
    url: Annotated[
        str,
        Argument(
            metavar="URL", help="Such as https://backend.example:8443.", autocompletion=completion.complete_endpoints
        ),
    ],
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Show which certificates a backend presented, the latest first."""
    with connect() as client:
        path = f"{PATH}/{encode_segment(_find(client, url)['id'])}/history"
        chains = list(client.list_entries(path, "list"))
    rows = [_describe(chain) for chain in chains]
    listing = Listing(
        {"count": len(chains), "list": chains},
        ["SINCE", "CHANGED", "SUBJECT", "ISSUER", "EXPIRES", "SHA-256"],
        rows,
        [str(row[-1]) for row in rows],
        "The backend hasn't presented a certificate yet.",
    )
    write_listing(listing, output, as_json)


def _find(client: Client, url: str) -> dict[str, Any]:
    for endpoint in client.get(PATH, endpoint=url)["list"]:
        return dict(endpoint)
    raise CommandFailed(f"{url} isn't watched. Run `holdfast endpoint status` to see all endpoints.")


def _write_status(endpoint: dict[str, Any]) -> str:
    """Return the status with all notes."""
    status, notes = _name_status(endpoint), "; ".join(_list_notes(endpoint))
    return notes if notes.startswith(status) else ": ".join(filter(None, (status, notes)))


def _name_status(endpoint: dict[str, Any]) -> str:
    status = str(endpoint["status"])
    return STATES.get(status, status)


def _build_row(endpoint: dict[str, Any]) -> tuple[str, ...]:
    certificate = endpoint["presented"] or {"name": "", "expires": ""}
    return (
        endpoint["endpoint"],
        _name_status(endpoint),
        certificate["name"],
        format_date(certificate["expires"]),
        format_date(endpoint["trustedUntil"] or ""),
        "; ".join(_list_notes(endpoint)),
    )


def _list_notes(endpoint: dict[str, Any]) -> list[str]:
    change, silence = endpoint["changed"], endpoint["unreachable"]
    notes = [f"not reachable since {format_date(silence['since'])} ({silence['cause']})"] if silence else []
    if endpoint["cause"]:
        notes.append(f"fails verification: {endpoint['cause']}")
    return notes + [
        f"new {kind} since {format_date(change[kind])}" for kind in ("key", "issuer", "names") if change[kind]
    ]


def _describe(chain: dict[str, Any]) -> tuple[str, ...]:
    own = chain["certificates"][0]
    return (
        format_date(chain["lastChange"]),
        ", ".join(chain["changes"]),
        own["subject"],
        own["issuer"],
        format_date(own["validity"]["to"]),
        group_fingerprint(own["fingerprint"]),
    )
