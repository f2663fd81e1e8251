"""
The page that shows the audit log.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from holdfast.apis.publisher_paths import PREFIX
from holdfast.services.access import audit_log
from holdfast.services.access.audit_objects import ACTIONS, ObjectKind, find_api_id
from holdfast.store.audit_events import Filter, LoggedEvent, Place
from holdfast.web.access.session import RequestContext
from holdfast.web.paging import Page
from holdfast.web.rendering import render

router = APIRouter()
PAGE = 50
_MAX_QUERY = 200
_FIRST_YEAR = 1970
_KINDS = {
    ObjectKind.APIS: "APIs",
    ObjectKind.CERTIFICATES: "Certificates",
    ObjectKind.TRUST: "Trust",
    ObjectKind.IDENTITIES: "Identities",
    ObjectKind.CALLERS: "Callers",
    ObjectKind.GATEWAYS: "Gateways",
    ObjectKind.DATABASE: "Database",
    ObjectKind.NOTIFICATIONS: "Notifications",
    ObjectKind.USERS: "Users",
    ObjectKind.SIGN_INS: "Sign-ins",
}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is in use, and the address of the list without it."""

    label: str
    without: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen filters, as they are in the form; empty: not used. Days are UTC's; *end* is included."""

    query: str = ""
    kind: ObjectKind | None = None
    user: str = ""
    subject: str = ""
    start: str = ""
    end: str = ""

    @property
    def parameters(self) -> dict[str, str]:
        """The filters as query parameters of the page."""
        names = {"query": self.query, "kind": self.kind, "user": self.user, "subject": self.subject}
        names |= {"from": self.start, "to": self.end}
        return {name: value for name, value in names.items() if value}

    @property
    def filter(self) -> Filter:
        """The filter for events."""
        end = _read_day(self.end)
        return Filter(
            _read_day(self.start),
            end + timedelta(days=1) if end else None,
            self.user,
            ACTIONS[self.kind] if self.kind else (),
            (self.subject,) if self.subject else (),
            self.query,
        )


@router.get("/audit")
def show(
    request: Request,
    context: RequestContext,
    query: str = "",
    kind: str = "",
    user: str = "",
    subject: str = "",
    start: Annotated[str, Query(alias="from")] = "",
    end: Annotated[str, Query(alias="to")] = "",
    before: str = "",
) -> Response:
    """Show the newest events that match the filters; those that can't be read are left out."""
    choice = Choice(
        query.strip()[:_MAX_QUERY],
        ObjectKind(kind) if kind in set(ObjectKind) else None,
        user,
        subject,
        start if _read_day(start) else "",
        end if _read_day(end) else "",
    )
    place = _read_place(before)
    events = audit_log.list_events(context, choice.filter, place, PAGE + 1)
    older = _write_address(choice.parameters | {"before": str(events[PAGE - 1].place)}) if len(events) > PAGE else None
    newer = _write_address(choice.parameters) if place else None
    return render(
        request,
        "audit/list.html",
        context=context,
        section="audit",
        events=events[:PAGE],
        present=audit_log.find_existing(context, events),
        choice=choice,
        chips=_list_chips(choice, events),
        kinds=_list_kinds(choice),
        users=audit_log.list_users(context),
        page=Page("events", "Newest first", newer, older),
        newest=audit_log.get_chain(context).newest,
        export=_write_export(choice),
    )


def _list_kinds(choice: Choice) -> list[dict[str, object]]:
    """Return the options of the component `filters`."""
    others = {name: value for name, value in choice.parameters.items() if name != "kind"}
    options = [("Everything", None), *((label, kind) for kind, label in _KINDS.items())]
    return [
        {
            "label": label,
            "href": _write_address(others | ({"kind": kind} if kind else {})),
            "is_current": kind == choice.kind,
            "count": None,
        }
        for label, kind in options
    ]


def _list_chips(choice: Choice, events: list[LoggedEvent]) -> list[Chip]:
    labels = {
        "query": f"“{choice.query}”",
        "user": f"User {choice.user}",
        "subject": f"About {_name_subject(choice.subject, events)}",
        "from": f"From {choice.start}",
        "to": f"To {choice.end}",
    }
    of = choice.parameters
    return [
        Chip(label, _write_address({parameter: of[parameter] for parameter in of if parameter != name}))
        for name, label in labels.items()
        if name in of
    ]


def _name_subject(subject: str, events: list[LoggedEvent]) -> str:
    api_id = next((find_api_id(entry.event) for entry in events if entry.event.subject == subject), "")
    return subject.removesuffix(f" ({api_id})")


def _write_export(choice: Choice) -> str:
    """Return the address of a download of all events that match."""
    criteria, parameters = choice.filter, choice.parameters
    times = {"from": criteria.start, "to": criteria.end}
    parameters |= {name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in times.items() if at}
    path = f"{PREFIX}/audit-events/export"
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _write_address(parameters: Mapping[str, str]) -> str:
    return f"/audit?{urlencode(parameters)}" if parameters else "/audit"


def _read_day(text: str) -> datetime | None:
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return day if _FIRST_YEAR <= day.year < MAXYEAR else None


def _read_place(text: str) -> Place | None:
    try:
        return Place.read(text)
    except ValueError:
        return None
