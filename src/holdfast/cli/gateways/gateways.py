"""
`holdfast gateway`: enroll, list and revoke gateways, for admins of the default organization.
"""

from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.failures import InvalidUsage
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import Client, connect, encode_segment
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, Watch, show_listing
from holdfast.cli.terminal.output import (
    AsJson,
    Yes,
    confirm,
    format_date,
    group_fingerprint,
    say,
    tell,
    write_facts,
    write_json,
)

PATH = "/gateways"
commands = typer.Typer(no_args_is_help=True)
STATES = {  # of gateways that aren't connected
    "LOCAL": "not connected",
    "WAITING": "waiting to join",
    "NOT_JOINED": "join token expired",
    "ENROLLED": "enrolled, not connected",
    "EXPIRED": "certificate expired",
}

Name = Annotated[
    str, Argument(metavar="NAME", help="Name of the gateway.", autocompletion=completion.complete_gateways)
]
NewName = Annotated[str, Argument(metavar="NAME", help="Lower-case letters, digits and hyphens.")]
Group = Annotated[
    str, Option(metavar="GROUP", help="Group whose APIs the gateway serves.", autocompletion=completion.complete_groups)
]
Labels = Annotated[list[str] | None, Option("--label", metavar="KEY=VALUE", help="Label. Repeatable.")]


@commands.command("list", epilog=write_ending("holdfast gateway list", "holdfast gateway list --json"))
def list_gateways(output: Output = None, watch: Watch = False, as_json: AsJson = False) -> None:
    """List gateways by name, the one next to the publisher first."""
    with connect() as client:
        show_listing(lambda: _read_gateways(client), output, as_json, watch=watch)


def _read_gateways(client: Client) -> Listing:
    gateways = list(client.list_entries(PATH, "list"))
    rows = [
        (
            *(
                gateway["name"],
                gateway["group"],
                _describe_state(gateway),
                _describe_revision(gateway),
                _describe_expiry(gateway),
            ),
            gateway["connection"]["address"],
            ", ".join(f"{key}={value}" for key, value in gateway["labels"].items()),
        )
        for gateway in gateways
    ]
    return Listing(
        {"count": len(gateways), "list": gateways},
        ["NAME", "GROUP", "STATE", "REVISION", "CERTIFICATE EXPIRES"],
        rows,
        [gateway["name"] for gateway in gateways],
        "No gateway is connected or enrolled. Run `holdfast gateway enroll NAME` to add one.",
        ["ADDRESS", "LABELS"],
    )


@commands.command("show", epilog=write_ending("holdfast gateway show eu-1", "holdfast gateway show eu-1 --json"))
def show_gateway(name: Name, as_json: AsJson = False) -> None:
    """Show a gateway: its certificate, what it has in force, and what it reports."""
    with connect() as client:
        gateway = client.get(_build_path(name))
    if as_json:
        write_json(gateway)
        return
    certificate, connection = gateway["certificate"], gateway["connection"]
    write_facts(
        [
            ("Name", gateway["name"]),
            ("Group", gateway["group"]),
            ("Labels", [f"{key}={value}" for key, value in gateway["labels"].items()]),
            ("State", _describe_state(gateway)),
            ("Address", connection["address"]),
            ("Control plane", connection.get("controlPlane")),  # earlier versions have only one
            ("Last seen", "" if connection["connectedSince"] else format_date(connection["lastSeen"] or "")),
            ("Revision", _describe_revision(gateway)),
            *_describe_report(connection),
            ("Joined", format_date(gateway["enrolledTime"] or "")),
            ("Join before", format_date(gateway["joinBefore"] or "")),
            ("Certificate expires", _describe_expiry(gateway)),
            ("SHA-256", group_fingerprint(certificate["fingerprint"]) if certificate else ""),
        ]
    )


@commands.command(
    "enroll",
    epilog=write_ending(
        "holdfast gateway enroll eu-1",
        "holdfast gateway enroll eu-1 --group Production --label region=eu",
        "holdfast gateway enroll eu-1 --json",
    ),
)
def enroll_gateway(name: NewName, group: Group = "Default", label: Labels = None, as_json: AsJson = False) -> None:
    """Create a token with which one machine can join as a gateway, once, within an hour."""
    with connect() as client:
        body = {"name": name, "group": group, "labels": _read_labels(label or [])}
        answer = client.call("POST", PATH, json=body)
        url = client.url
    if as_json:
        write_json(answer)
        return
    if answer["discovery"] is None:
        tell("This publisher doesn't accept gateways from other machines yet. Start it with --discovery HOST:PORT.")
    if answer["certificate"]:
        tell(f"{name} has joined before. Its certificate stays valid until another machine joins with this token.")
    tell(f"On the other machine, run this before {format_date(answer['joinBefore'])} UTC:")
    say(f"holdfast gateway join {url} {answer['token']}")


@commands.command("revoke", epilog=write_ending("holdfast gateway revoke eu-1", "holdfast gateway revoke eu-1 --yes"))
def revoke_gateway(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Reject a gateway's certificate and join token, and end its connection."""
    with connect() as client:
        gateway = client.get(_build_path(name))
        confirm(f"Revoke gateway {gateway['name']} ({_describe_state(gateway)})?", yes=yes)
        client.call("DELETE", _build_path(name))
    if as_json:
        write_json(gateway)
        return
    say(f"Revoked gateway {gateway['name']}.")
    if gateway["certificate"]:
        tell("It serves callers with what it has until you run `holdfast gateway stop` there.")


def _read_labels(labels: list[str]) -> dict[str, str]:
    pairs = [label.partition("=") for label in labels]
    for key, equals, _ in pairs:
        if not key or not equals:
            raise InvalidUsage("Labels are KEY=VALUE, such as --label region=eu.")
    return {key: value for key, _, value in pairs}


def _describe_revision(gateway: dict[str, Any]) -> str:
    """Describe the newest revision that a gateway has completely in force, if it isn't the newest of all."""
    connection = gateway["connection"]
    if not connection["connectedSince"]:
        return ""
    applied, newest = connection["applied"], connection["newestRevision"]
    if not applied:
        return f"none of {newest}"
    return str(newest) if applied["revision"] == newest else f"{applied['revision']} of {newest}"


def _describe_report(connection: dict[str, Any]) -> list[tuple[str, object]]:
    report = connection["report"] or {"version": "", "envoyVersion": "", "problems": [], "traffic": []}
    return [
        ("Behind", f"{connection['behind']} resources" if connection["behind"] else ""),
        (
            "Rejected",
            [
                f"{rejection['type']} {rejection['name']}: {rejection['message']}"
                for rejection in connection["rejected"]
            ],
        ),
        ("Holdfast", report["version"]),
        ("Envoy", report["envoyVersion"]),
        (
            "Requests",
            [
                f"{traffic['environment']}: {traffic['requests']}, {traffic['failures']} failed"
                for traffic in report["traffic"]
            ],
        ),
        ("Problems", [problem["message"] for problem in report["problems"]]),
    ]


def _describe_state(gateway: dict[str, Any]) -> str:
    if gateway["connection"]["connectedSince"]:
        return "connected"
    return STATES.get(gateway["state"], str(gateway["state"]))


def _describe_expiry(gateway: dict[str, Any]) -> str:
    return format_date(gateway["certificate"]["notAfter"]) if gateway["certificate"] else ""


def _build_path(name: str) -> str:
    return f"{PATH}/{encode_segment(name)}"
