"""
`holdfast api traffic`: requests, latencies and failures of an API over time.
"""

from typing import Annotated, Any

import typer
from typer import Option

from holdfast.cli.catalog.apis import ApiReference, find_api, write_title
from holdfast.cli.requests.client import connect, encode_segment
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.output import AsJson, format_date, say, write_json, write_table

commands = typer.Typer()


@commands.command(
    "traffic", epilog=write_ending("holdfast api traffic Pizza", "holdfast api traffic Pizza:1.0.0 --range 7d --json")
)
def show_traffic(
    reference: ApiReference,
    chosen: Annotated[str, Option("--range", metavar="RANGE", help="1h, 6h, 24h, 7d or 30d.")] = "24h",
    as_json: AsJson = False,
) -> None:
    """Show the requests of an API by backend and gateway."""
    with connect() as client:
        api = find_api(client, reference)
        traffic = client.get(f"/apis/{encode_segment(api['id'])}/traffic", range=chosen)
    if as_json:
        write_json(traffic)
        return
    say(f"{write_title(api)}, {format_date(traffic['startTime'])} to {format_date(traffic['endTime'])} UTC")
    write_table(
        ["ENVIRONMENT", "GATEWAY", "REQUESTS", "FAILED", "P50", "P95", "P99"],
        [_build_row(backend) for backend in traffic["backends"]],
        "No requests.",
    )
    if traffic["causes"]:
        write_table(["CAUSE", "REQUESTS"], [(cause["code"], cause["requests"]) for cause in traffic["causes"]], "")


def _build_row(backend: dict[str, Any]) -> tuple[str, ...]:
    total = backend["total"]
    latencies = ("-" if value is None else f"{value:.0f} ms" for value in total["latency"].values())
    return backend["environment"], backend["gateway"], str(total["requests"]), str(total["failed"]), *latencies
