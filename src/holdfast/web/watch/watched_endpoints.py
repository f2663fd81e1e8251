"""
The pages that show what backends present: all of them, and the history of one.
"""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from holdfast.apis.watch.watched_endpoint import WatchStatus
from holdfast.services.watch import watched_endpoints
from holdfast.services.watch.watched_endpoints import WatchSelection
from holdfast.web.access.session import RequestContext
from holdfast.web.paging import limit_page, number_pages
from holdfast.web.rendering import render, wants_part

PATH = "/watched-endpoints"
router = APIRouter(prefix=PATH)
PAGE = 50
_ORDER = (  # of the filters: what needs attention first
    WatchStatus.CHANGED,
    WatchStatus.NOT_TRUSTED,
    WatchStatus.UNREACHABLE,
    WatchStatus.EXPIRING,
    WatchStatus.TRUSTED,
    WatchStatus.NOT_CHECKED,
)


@router.get("")
def list_watched_endpoints(
    request: Request,
    context: RequestContext,
    show: Annotated[str, Query(alias="status")] = "",
    query: str = "",
    page: int = 1,
) -> Response:
    """Show what all backends present, or those with a status and with *query* in endpoint, name or issuer."""
    page, query = limit_page(page), query.strip()
    status = WatchStatus(show) if show in list(WatchStatus) else None
    counts = watched_endpoints.count_statuses(context, query)
    selection = WatchSelection(status, query=query)
    backends, total = watched_endpoints.list_watched_endpoints(context, selection, (page - 1) * PAGE, PAGE)
    kinds = [kind for kind in _ORDER if counts[kind] or kind is status]
    return render(
        request,
        "watch/_panel.html" if wants_part(request) else "watch/list.html",
        context=context,
        section="certificates",
        tab="presented",
        backends=backends,
        total=total,
        current=status,
        query=query,
        options=[
            _write_option(None, sum(counts.values()), status, query),
            *(_write_option(kind, counts[kind], status, query) for kind in kinds),
        ],
        page=number_pages("endpoints", PATH, page, PAGE, total, status=status.value if status else "", query=query),
    )


@router.get("/{endpoint_id}")
def show_history(request: Request, context: RequestContext, endpoint_id: str) -> Response:
    """Show what a backend presents, and what it presented before."""
    backend, chain = watched_endpoints.get_watched_endpoint(context, endpoint_id)
    history, _ = watched_endpoints.list_history(context, endpoint_id)
    return render(
        request,
        "watch/history.html",
        context=context,
        section="certificates",
        backend=backend,
        chain=chain,
        history=history,
    )


def _write_option(status: WatchStatus | None, count: int, current: WatchStatus | None, query: str) -> dict[str, object]:
    filters = {"status": status.value if status else "", "query": query}
    parameters = urlencode({name: value for name, value in filters.items() if value})
    return {
        "label": status.words if status else "All",
        "href": f"{PATH}?{parameters}" if parameters else PATH,
        "is_current": status is current,
        "count": count,
    }
