"""
`holdfast audit`: read, export and verify the audit log.
"""

import json
import re
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Argument, Option

from holdfast.cli.exit_codes import CLIENT, ExitCode
from holdfast.cli.failures import InvalidUsage
from holdfast.cli.requests.client import Client, connect
from holdfast.cli.terminal.files import write_pieces
from holdfast.cli.terminal.help import write_ending
from holdfast.cli.terminal.listing import Form, Listing, Output, write_listing
from holdfast.cli.terminal.output import AsJson, NarrowTable, say, tell, write_json
from holdfast.cli.terminal.text import make_plain

PATH = "/audit-events"
PAUSE = 2.0  # seconds between requests of --follow
_OVERLAP = timedelta(minutes=1)  # control planes whose clocks differ write events with earlier times
_AT_ONCE = 500
LONGEST = 160  # characters of a detail in the table
_ID = re.compile(r" \([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\)")
_HASH = re.compile(r"[0-9a-f]{64}")
_FINGERPRINT = re.compile(r"\b([0-9a-f]{16})[0-9a-f]{48}\b")
commands = typer.Typer(no_args_is_help=True)

Start = Annotated[str, Option("--from", metavar="TIME", help="Only events from this day or time on (UTC).")]
End = Annotated[str, Option("--to", metavar="TIME", help="Only events before this day or time (UTC).")]
User = Annotated[str, Option(metavar="NAME", help="Only events that this user caused.")]
Action = Annotated[str, Option(metavar="ACTION", help="Only events with this action, such as 'import certificate'.")]
Kind = Annotated[
    str,
    Option(
        metavar="KIND",
        help="apis, certificates, trust, identities, callers, gateways, database, notifications, users or sign-ins.",
    ),
]
Subject = Annotated[str, Option(metavar="NAME", help="Only events about this object, such as an alias.")]
Query = Annotated[str, Option(metavar="TEXT", help="Only events that contain this text.")]


@commands.command(
    "list",
    epilog=write_ending(
        "holdfast audit list --kind certificates --from 2026-11-01",
        "holdfast audit list --follow --json",
        codes=CLIENT,
    ),
)
def list_events(
    start: Start = "",
    end: End = "",
    user: User = "",
    action: Action = "",
    kind: Kind = "",
    subject: Subject = "",
    query: Query = "",
    limit: Annotated[int, Option(min=1, max=1000, help="The number of events.")] = 50,
    follow: Annotated[bool, Option("--follow", "-f", help="Print new events as they are written.")] = False,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """
    List events, the newest first; with --follow, the oldest first, and new ones until Ctrl-C.

    The table leaves out the IDs of APIs, and shortens fingerprints and long details; `-o wide` and --json have all.
    On a narrow terminal, action, subject and detail are in one column.
    With --follow --json, each event is a line.
    """
    filters = _build_filters(start, end, user=user, action=action, kind=kind, subject=subject, query=query)
    with connect() as client:
        if follow:
            _follow(client, filters, limit, as_json=as_json)
        page = client.get(PATH, limit=limit, **filters)
    write = str if output is Form.WIDE else _shorten
    rows = [
        (_write_time(event), event["user"], event["action"], write(event["subject"]), write(event["detail"]))
        for event in page["list"]
    ]
    names = [str(event["number"] or "") for event in page["list"]]
    columns = ["TIME", "USER", "ACTION", "SUBJECT", "DETAIL"]
    narrow = NarrowTable(
        ["TIME", "USER", "EVENT"], [(at, who, _join(what, subject, detail)) for at, who, what, subject, detail in rows]
    )
    nothing = "No events match." if filters else "No events."
    write_listing(Listing(page, columns, rows, names, nothing, narrow=narrow), output, as_json)


@commands.command(
    "export",
    epilog=write_ending(
        "holdfast audit export audit.jsonl",
        "holdfast audit export --format csv --user anna - > anna.csv",
        codes=CLIENT,
    ),
)
def export(
    file: Annotated[str, Argument(metavar="FILE|-", help="File to write, or - for standard output.")],
    form: Annotated[str, Option("--format", metavar="FORMAT", help="jsonlines or csv.")] = "jsonlines",
    start: Start = "",
    end: End = "",
    user: User = "",
    action: Action = "",
    kind: Kind = "",
    subject: Subject = "",
    query: Query = "",
) -> None:
    """
    Download events, the oldest first.

    JSON lines contain all of each event, with its hash, and can be verified if they aren't filtered. In CSV, no cell is
    a formula.
    """
    filters = _build_filters(start, end, user=user, action=action, kind=kind, subject=subject, query=query)
    with connect() as client:
        pieces = client.stream(f"{PATH}/export", format=form, **filters)
        size = write_pieces(file, pieces)
    tell(f"Wrote {size:,} bytes to {file}." if file != "-" else f"Wrote {size:,} bytes.")


@commands.command(
    "verify",
    epilog=write_ending("holdfast audit verify --expect HASH", "holdfast audit verify audit.jsonl", codes=CLIENT),
)
def verify(
    file: Annotated[
        Path | None, Argument(metavar="FILE", help="An unfiltered export in JSON lines [default: the publisher's log].")
    ] = None,
    expect: Annotated[str, Option(metavar="HASH", help="A hash that was kept elsewhere, and must be in the log.")] = "",
    as_json: AsJson = False,
) -> None:
    """
    Verify that no event was changed, removed, inserted or moved.

    Hashes are computed on this machine. Anyone who can write to the database could have computed all of them again:
    keep the newest hash elsewhere, and compare it later with --expect. The exit code is 1 if anything is wrong.
    """
    from holdfast.cli.access.audit_verification import describe, verify_file, verify_log

    expected = expect.strip().lower()
    if expected and not _HASH.fullmatch(expected):
        raise InvalidUsage(f"--expect {expect} isn't a whole hash, which has 64 hex digits.")
    if file is None:
        with connect() as client:
            verdict = verify_log(client, expected)
    else:
        verdict = verify_file(file, expected)
    if as_json:
        write_json(describe(verdict).as_json)
    else:
        say(describe(verdict).text)
    if verdict.count:
        raise typer.Exit(int(ExitCode.FAILED))


def _build_filters(start: str, end: str, **others: str) -> dict[str, str]:
    filters = {"from": _read_time("--from", start), "to": _read_time("--to", end)} | others
    return {name: value for name, value in filters.items() if value}


def _read_time(option: str, text: str) -> str:
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidUsage(
            f"{option} {text} isn't a day or time. Write it like 2026-11-01 or 2026-11-01T08:00Z."
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def _follow(client: Client, filters: dict[str, str], limit: int, *, as_json: bool) -> None:
    """Print events until the command is interrupted."""
    times_by_event: dict[str, datetime] = {}
    while True:
        events = client.get(PATH, limit=limit, **filters)["list"]
        for event in reversed(events):
            key, at = (
                json.dumps([event["time"], event["user"], event["action"], event["subject"]]),
                _read_event_time(event),
            )
            if key in times_by_event:
                continue
            times_by_event[key] = at
            if as_json:
                typer.echo(json.dumps(event))
            else:
                say(
                    "  ".join(
                        [_write_time(event), event["user"], event["action"], event["subject"], event["detail"]]
                    ).rstrip()
                )
        if times_by_event:
            since = max(times_by_event.values()) - _OVERLAP
            times_by_event = {key: at for key, at in times_by_event.items() if at >= since}
            filters, limit = {**filters, "from": since.isoformat()}, _AT_ONCE
        time.sleep(PAUSE)


def _shorten(text: str) -> str:
    """Leave out what nobody reads in a table, such as all scopes of a token."""
    text = _FINGERPRINT.sub(r"\1...", _ID.sub("", text))
    return textwrap.shorten(text, LONGEST, placeholder=" ...")


def _join(action: str, subject: str, detail: str) -> str:
    return f"{action}: {', '.join(filter(None, (subject, detail)))}" if subject or detail else action


def _read_event_time(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])


def _write_time(event: dict[str, Any]) -> str:
    return make_plain(f"{_read_event_time(event).astimezone(UTC):%Y-%m-%d %H:%M:%S}")
