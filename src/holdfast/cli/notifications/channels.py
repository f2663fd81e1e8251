"""
`holdfast notification`: the commands for channels, and for what was sent.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.failures import CommandFailed, InvalidUsage
from holdfast.cli.requests import completion
from holdfast.cli.requests.client import connect, encode_segment
from holdfast.cli.terminal.files import read_file
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Listing, Output, write_listing
from holdfast.cli.terminal.output import AsJson, Yes, confirm, format_date, say, write_facts, write_json

PATH = "/notification-channels"
MAX_SECRET = 4096  # bytes
commands = typer.Typer(no_args_is_help=True)

Name = Annotated[
    str, Argument(metavar="NAME", help="Name of the channel.", autocompletion=completion.complete_channels)
]
NewName = Annotated[str, Argument(metavar="NAME", help="Letters, digits, dots, hyphens and underscores.")]
Kind = Annotated[str, Option(metavar="KIND", help="email, webhook, slack or pagerduty.")]
Url = Annotated[str | None, Option(metavar="URL", help="URL of a webhook; for PagerDuty, if it isn't in the US.")]
SecretFile = Annotated[
    Path | None,
    Option(metavar="FILE", help="File with the secret that signs webhooks, or PagerDuty's integration key."),
]
Recipients = Annotated[
    list[str] | None, Option("--recipient", metavar="ADDRESS", help="E-mail address. Repeatable; replaces all.")
]
Events = Annotated[
    list[str] | None,
    Option("--event", metavar="KIND", help="Kind of events to receive, or `all`. Repeatable; replaces all."),
]
Audience = Annotated[
    str | None, Option(metavar="WHOSE", help="all, owned (what the channel owns) or, for e-mail, owners.")
]


@commands.command("list", epilog=write_ending("holdfast notification list", "holdfast notification list --json"))
def list_channels(output: Output = None, as_json: AsJson = False) -> None:
    """List channels, and whether messages arrive."""
    with connect() as client:
        channels = client.get(PATH)
    rows = [
        (
            channel["name"],
            channel["kind"],
            channel["target"],
            channel["audience"],
            format_date(channel["state"]["lastSuccess"] or ""),
            channel["state"]["waiting"],
            channel["state"]["error"],
        )
        for channel in channels["list"]
    ]
    columns = ["NAME", "KIND", "TARGET", "AUDIENCE", "LAST DELIVERED (UTC)", "WAITING", "LAST ERROR"]
    names = [channel["name"] for channel in channels["list"]]
    write_listing(Listing(channels, columns, rows, names, "No channels, so nobody is notified."), output, as_json)


@commands.command(
    "create",
    epilog=write_ending(
        "holdfast notification create ops --kind slack --url https://hooks.slack.com/services/...",
        "holdfast notification create team --kind email --recipient team@example.com",
        "holdfast notification create pager --kind pagerduty --secret-file integration-key",
        "holdfast notification create hook --kind webhook --url https://tools.example/h --secret-file signing-key",
    ),
)
def create_channel(
    name: NewName,
    kind: Kind,
    url: Url = None,
    secret_file: SecretFile = None,
    recipient: Recipients = None,
    event: Events = None,
    audience: Audience = None,
    as_json: AsJson = False,
) -> None:
    """Create a channel. Test it afterwards."""
    body = {"name": name, "kind": kind} | _read_changes(url, secret_file, recipient, event, audience)
    with connect() as client:
        channel = client.call("POST", PATH, json=body)
    _write(channel, f"Created channel {channel['name']}. Run `holdfast notification test {channel['name']}`.", as_json)


@commands.command(
    "set", epilog=write_ending("holdfast notification set ops --event backend_failure --event trust_exception")
)
def set_channel(
    name: Name,
    url: Url = None,
    secret_file: SecretFile = None,
    recipient: Recipients = None,
    event: Events = None,
    audience: Audience = None,
    as_json: AsJson = False,
) -> None:
    """Change a channel. Settings without an option stay as they are; a new URL needs the secret again."""
    changes = _read_changes(url, secret_file, recipient, event, audience)
    if not changes:
        raise InvalidUsage("Nothing to change. Add an option such as --event KIND; see --help.")
    with connect() as client:
        channel = client.call("PUT", f"{PATH}/{encode_segment(name)}", json=changes)
    _write(channel, f"Changed channel {channel['name']}.", as_json)


@commands.command(
    "show", epilog=write_ending("holdfast notification show ops", "holdfast notification show ops --json")
)
def show_channel(name: Name, as_json: AsJson = False) -> None:
    """Show a channel, and whether messages arrive."""
    with connect() as client:
        channel = client.get(f"{PATH}/{encode_segment(name)}")
    if as_json:
        write_json(channel)
        return
    state = channel["state"]
    write_facts(
        [
            ("Name", channel["name"]),
            ("Kind", channel["kind"]),
            ("Target", channel["target"]),
            ("Audience", channel["audience"]),
            ("Events", channel["events"] or "all"),
            ("Last delivered", format_date(state["lastSuccess"] or "never")),
            ("Waiting", state["waiting"]),
            ("Last error", state["error"]),
            ("Next attempt", format_date(state["nextAttempt"] or "")),
        ]
    )


@commands.command("test", epilog=write_ending("holdfast notification test ops"))
def send_test(name: Name, as_json: AsJson = False) -> None:
    """Send a test message now. Fails if the receiver doesn't take it."""
    with connect() as client:
        outcome = client.call("POST", f"{PATH}/{encode_segment(name)}/test")
    if as_json:
        write_json(outcome)
    elif outcome["delivered"]:
        say(f"The receiver of {name} took the test message.")
    if not outcome["delivered"]:
        raise CommandFailed(f"Not delivered: {outcome['error']}")


@commands.command(
    "delete", epilog=write_ending("holdfast notification delete ops", "holdfast notification delete ops --yes")
)
def delete_channel(name: Name, yes: Yes = False, as_json: AsJson = False) -> None:
    """Delete a channel, and what waits for it."""
    with connect() as client:
        channel = client.get(f"{PATH}/{encode_segment(name)}")
        confirm(f"Delete channel {channel['name']}?", yes=yes)
        client.call("DELETE", f"{PATH}/{encode_segment(name)}")
    _write(channel, f"Deleted channel {channel['name']}.", as_json)


@commands.command("sent", epilog=write_ending("holdfast notification sent", "holdfast notification sent --json"))
def list_sent(
    limit: Annotated[int, Option(min=1, max=500, metavar="NUMBER", help="How many to list.")] = 20,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """List notifications, newest first."""
    with connect() as client:
        page = client.get("/notifications", limit=limit)
    rows = [
        (
            format_date(notification["time"]),
            notification["severity"],
            notification["title"],
            ", ".join(map(_describe, notification["channels"])),
        )
        for notification in page["list"]
    ]
    columns, names = (
        ["TIME (UTC)", "SEVERITY", "TITLE", "CHANNELS"],
        [notification["title"] for notification in page["list"]],
    )
    write_listing(Listing(page, columns, rows, names, "Nothing was sent."), output, as_json)


def _describe(receipt: dict[str, Any]) -> str:
    state = "delivered" if receipt["deliveredTime"] else "given up" if receipt["givenUp"] else "waiting"
    return f"{receipt['channel']}: {state}"


def _read_changes(
    url: str | None,
    secret_file: Path | None,
    recipients: list[str] | None,
    events: list[str] | None,
    audience: str | None,
) -> dict[str, Any]:
    secret = None if secret_file is None else read_file(secret_file, MAX_SECRET).decode("utf-8", "replace").strip()
    members = {
        "url": url,
        "secret": secret,
        "recipients": recipients or None,
        "events": [] if events == ["all"] else events or None,
        "audience": audience,
    }
    return {name: value for name, value in members.items() if value is not None}


def _write(channel: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        write_json(channel)
    else:
        say(sentence)
