"""
The search: a page, and the options of the dialog that Ctrl-K opens.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.search import search
from holdfast.services.search.search import MAX_QUERY, Hit, Kind
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.navigation import ENTRIES
from holdfast.web.rendering import render, wants_part

router = APIRouter()
IN_DIALOG = 5  # of each kind
ON_PAGE = 50


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the results."""

    label: str
    detail: str
    path: str
    icon: str


@dataclass(frozen=True, slots=True)
class Command:
    """A page or an action that isn't in the navigation; *words* find it, too."""

    label: str
    path: str
    icon: str
    permission: Permission | None = None
    words: str = ""


_COMMANDS = (
    Command("Create API", "/apis/new", "plus", Permission.CHANGE_APIS, "new add"),
    Command("Create user", "/new-user", "plus", Permission.MANAGE_USERS, "new add"),
    Command("Create token", "/tokens", "plus", None, "new personal access key"),
    Command("Change password", "/account", "user", None, "account sessions"),
    Command("Help", "/help/", "help", None, "documentation manual"),
    Command("REST API", "/docs", "api", None, "reference openapi swagger"),
)
_GROUPS = {
    Kind.API: ("APIs", "stack-2", "/apis/{}"),
    Kind.CERTIFICATE: ("Certificates", "lock", "/certificates/{}"),
    Kind.GATEWAY: ("Gateways", "server-2", "/gateways#gateway-{}"),
    Kind.USER: ("Users", "users", "/users/{}"),
}


@router.get("/search")
def show(request: Request, runtime: CurrentRuntime, context: RequestContext, query: str = "") -> Response:
    """Show what matches *query*; without one, pages and actions."""
    in_dialog = wants_part(request)
    hits = search.search(context, runtime.gateway_sources, query, IN_DIALOG if in_dialog else ON_PAGE)
    return render(
        request,
        "search/_results.html" if in_dialog else "search/page.html",
        context=context,
        section="search",
        query=query[:MAX_QUERY],
        groups=list(_group(context, query, hits)),
    )


def _group(context: Context, query: str, hits: list[Hit]) -> Iterator[tuple[str, list[Result]]]:
    for kind, (title, icon, path) in _GROUPS.items():
        of_kind = [
            Result(hit.title, hit.detail, path.format(quote(hit.key, safe="")), icon)
            for hit in hits
            if hit.kind is kind
        ]
        if of_kind:
            yield title, of_kind
    pages = list(_find_pages(context.user, query.lower().split()))
    if pages:
        yield "Pages and actions", pages


def _find_pages(user: Principal, words: list[str]) -> Iterator[Result]:
    entries = [Command(entry.label, entry.path, entry.icon, entry.permission) for entry in ENTRIES]
    for command in (*entries, *_COMMANDS):
        text = f"{command.label} {command.words}".lower()
        if (command.permission is None or user.may(command.permission)) and all(word in text for word in words):
            yield Result(command.label, "", command.path, command.icon)
