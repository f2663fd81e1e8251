"""
`holdfast label`: labels, which say which files an object belongs to.
"""

from enum import StrEnum
from typing import Annotated

import typer
from typer import Argument, Option

from holdfast.cli.catalog.apis import find_api
from holdfast.cli.failures import InvalidUsage
from holdfast.cli.requests.client import connect
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, write_listing
from holdfast.cli.terminal.output import AsJson, say, write_json

LABELS = "/labels"
commands = typer.Typer(no_args_is_help=True)


class Kind(StrEnum):
    """The kind of an object with labels."""

    API = "api"
    CERTIFICATE = "certificate"
    TRUST = "trust"


@commands.command("list", epilog=write_ending("holdfast label list", "holdfast label list --label team-a --json"))
def list_labels(
    label: Annotated[str, Option(metavar="LABEL", help="Only objects with this label.")] = "",
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """
    List objects that have labels: APIs, certificates by alias, trust settings by origin.

    `-o wide` and `--json` have the IDs of APIs.
    """
    with connect() as client:
        objects = list(client.list_entries(LABELS, "list", **({"label": label} if label else {})))
        has_apis = any(entry["kind"] == Kind.API for entry in objects)
        apis = list(client.list_entries("/apis", "list")) if has_apis else []
    titles = {api["id"]: f"{api['name']}:{api['version']}" for api in apis}
    rows = [
        (entry["kind"], titles.get(entry["object"], entry["object"]), ", ".join(entry["labels"]), entry["object"])
        for entry in objects
    ]
    names = [f"{entry['kind']} {entry['object']}" for entry in objects]
    body = {"count": len(objects), "list": objects}
    write_listing(Listing(body, ["KIND", "OBJECT", "LABELS"], rows, names, "No labels.", ["ID"]), output, as_json)


@commands.command(
    "set",
    epilog=write_ending(
        "holdfast label set api Pizza:1.0.0 team-a",
        "holdfast label set certificate pizza team-a team-b",
        "holdfast label set trust https://backend.example:8443 none",
    ),
)
def set_labels(
    kind: Annotated[Kind, Argument(metavar="KIND", help="api, certificate or trust.")],
    name: Annotated[str, Argument(metavar="NAME", help="API, alias, or endpoint URL.")],
    labels: Annotated[list[str], Argument(metavar="LABEL", help="All labels, or none.")],
    as_json: AsJson = False,
) -> None:
    """Replace the labels of an API, an endpoint certificate or trust settings."""
    if "none" in labels and len(labels) > 1:
        raise InvalidUsage("Name either labels or none.")
    new_labels = [] if labels == ["none"] else labels
    with connect() as client:
        key = find_api(client, name)["id"] if kind is Kind.API else name
        answer = client.call("PUT", LABELS, params={"kind": kind.value, "object": key}, json={"labels": new_labels})
    if as_json:
        write_json(answer)
    else:
        say(f"Labels of {name}: {', '.join(answer['labels']) or 'none'}.")
