"""
`/audit-events`: who changed what, when and from where, and the hash chain that shows whether events were changed.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse

from holdfast.apis.errors import InvalidField
from holdfast.audit.chain import Link
from holdfast.rest.access import responses
from holdfast.rest.access.responses import AuditChain, AuditEvents
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.csv_rows import write_rows
from holdfast.rest.errors import PREFIX
from holdfast.rest.inputs import Time
from holdfast.rest.pages import DEFAULT_LIMIT, Limit
from holdfast.rest.prefixes import add_prefix
from holdfast.rest.responses import declare_files
from holdfast.rest.router import Router
from holdfast.services.access import audit_log
from holdfast.services.access.audit_objects import ACTIONS, ObjectKind, list_changes
from holdfast.store.audit_events import Filter, LoggedEvent, Place

PATH = f"{PREFIX}/audit-events"
router = Router(prefix=PATH, tags=["Audit log"])
_COLUMNS = ("number", "time", "user", "address", "action", "subject", "detail", "requestId", "hash")
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
Format = Literal["jsonlines", "csv"]


def _read_filter(
    start: Annotated[
        Time | None, Query(alias="from", ge=_FIRST, le=_LAST, description="Only events at this time or later.")
    ] = None,
    end: Annotated[
        Time | None, Query(alias="to", ge=_FIRST, le=_LAST, description="Only events before this time.")
    ] = None,
    user: Annotated[str, Query(description="Only events that this user caused.")] = "",
    action: Annotated[str, Query(description="Only events with this action, such as `import certificate`.")] = "",
    subject: Annotated[str, Query(description="Only events about this subject, such as an alias.")] = "",
    kind: Annotated[ObjectKind | None, Query(description="Only events about this kind of object.")] = None,
    query: Annotated[str, Query(max_length=200, description="Only events that contain this text.")] = "",
) -> Filter:
    actions = (action,) if action else ACTIONS[kind] if kind else ()
    return Filter(start, end, user, actions, (subject,) if subject else (), query.strip())


Criteria = Annotated[Filter, Depends(_read_filter)]
Before = Annotated[str, Query(description="Only events before this place, from `pagination.next`.")]


@router.get("")
def list_events(
    request: Request, context: RequestContext, criteria: Criteria, limit: Limit = DEFAULT_LIMIT, before: Before = ""
) -> AuditEvents:
    """
    List audit events.

    Returns the newest events first. `pagination.next` continues after the last one, even if events were added since;
    it is empty on the last page. `number`, `hash` and `previousHash` are null while an event isn't part of the hash
    chain yet. If they can't be read because the database is damaged, `number` is null, and hashes are empty.
    """
    events = audit_log.list_events(context, criteria, _read_place(before), limit + 1)
    following = ""
    if len(events) > limit:
        events = events[:limit]
        query = dict(request.query_params) | {"before": str(events[-1].place)}
        following = f"{add_prefix(PATH)}?{urlencode(query)}"
    return {
        "count": len(events),
        "list": [_describe(event) for event in events],
        "pagination": {"limit": limit, "next": following},
    }


@router.get("/chain")
def get_chain(context: RequestContext) -> AuditChain:
    """
    Get the ends of the hash chain.

    Returns the newest event in the chain of the organization's audit events, and the anchor: the last event that was
    deleted because of the setting `audit_retention`. Number 0: there is none; null: it can't be read. Keep the newest
    hash outside of Holdfast to find out later whether events were changed.
    """
    state = audit_log.get_chain(context)
    return {
        "newest": _describe_link(state.newest),
        "anchor": _describe_link(state.anchor),
        "anchoredTime": state.anchored_at.isoformat() if state.anchored_at else None,
    }


@router.get("/export", response_class=StreamingResponse, responses=declare_files("application/jsonl", "text/csv"))
def export(
    runtime: CurrentRuntime,
    context: RequestContext,
    criteria: Criteria,
    form: Annotated[Format, Query(alias="format", description="The format of the file.")] = "jsonlines",
) -> StreamingResponse:
    """
    Export audit events.

    Returns all events that match, the oldest first: with `jsonlines`, an object in each line, which
    `holdfast audit verify` can verify; with `csv`, a table in which no cell is a formula.
    """
    # The transaction of the request ends before the response is sent.
    events = audit_log.stream_events(replace(context, store=runtime.store), criteria)
    write: Callable[[Iterable[LoggedEvent]], str] = _write_csv if form == "csv" else _write_json_lines
    head = write_rows([_COLUMNS]) if form == "csv" else ""
    name = f"audit-{context.now:%Y%m%dT%H%M%SZ}.{'csv' if form == 'csv' else 'jsonl'}"
    media_type = "text/csv; charset=utf-8" if form == "csv" else "application/jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_write_pieces(head, events, write), media_type=media_type, headers=headers)


def _write_pieces(
    head: str, batches: Iterator[list[LoggedEvent]], write: Callable[[Iterable[LoggedEvent]], str]
) -> Iterator[str]:
    if head:
        yield head
    yield from map(write, batches)


def _write_csv(events: Iterable[LoggedEvent]) -> str:
    return write_rows([event.members[column] for column in _COLUMNS] for event in events)


def _write_json_lines(events: Iterable[LoggedEvent]) -> str:
    return "".join(f"{json.dumps(event.members)}\n" for event in events)


def _describe(entry: LoggedEvent) -> responses.AuditEvent:
    members = entry.members
    return {
        "number": members["number"],
        "time": members["time"],
        "user": members["user"],
        "address": members["address"],
        "requestId": members["requestId"],
        "action": members["action"],
        "subject": members["subject"],
        "detail": members["detail"],
        "details": members["details"],
        "changes": [
            {"name": change.name, "before": list(change.before), "after": list(change.after)}
            for change in list_changes(entry.event)
        ],
        "chainedLater": members["chainedLater"],
        "previousHash": members["previousHash"],
        "hash": members["hash"],
    }


def _describe_link(place: Link | None) -> responses.AuditLink | None:
    return {"number": place.number, "hash": place.hash} if place else None


def _read_place(text: str) -> Place | None:
    try:
        return Place.read(text) if text else None
    except ValueError:
        raise InvalidField("before", "Take this value from pagination.next of an earlier response.") from None
