"""
The page that shows channels, silences, and what was sent.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.services.notifications import channels, history, silences
from holdfast.web.access.session import RequestContext
from holdfast.web.notifications import words
from holdfast.web.paging import limit_page, number_pages
from holdfast.web.rendering import render

router = APIRouter()
PAGE = 50


@router.get("/notifications")
def show_notifications(request: Request, context: RequestContext, page: int = 1) -> Response:
    """Show channels and whether messages arrive, silences, and what was sent."""
    page = limit_page(page)
    statuses = channels.list_channels(context)
    entries, total = history.list_notifications(context, (page - 1) * PAGE, PAGE)
    return render(
        request,
        "notifications/list.html",
        context=context,
        section="notifications",
        statuses=statuses,
        silences=silences.list_silences(context),
        entries=entries,
        kinds=words.KINDS,
        events=words.EVENTS,
        page=number_pages("notifications", "/notifications", page, PAGE, total),
    )
