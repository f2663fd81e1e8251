"""
Home, the first page after signing in: what needs attention, and the traffic of the last day.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.services.attention.attention import list_items
from holdfast.services.catalog import apis
from holdfast.services.traffic.reading import show_traffic
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.rendering import render, wants_part
from holdfast.web.traffic.charts import draw_failures, write_value

router = APIRouter()


@router.get("/")
def show(request: Request, runtime: CurrentRuntime, context: RequestContext) -> Response:
    """Show what needs attention, most urgent first; without any API, how to begin."""
    items = list_items(context, runtime.attention_sources)
    _, number = apis.list_apis(context, limit=0)
    traffic = show_traffic(context, "24h") if number else None
    return render(
        request,
        "home/_attention.html" if wants_part(request) else "home/page.html",
        context=context,
        section="home",
        items=items,
        apis=number,
        total=traffic.total if traffic else None,
        chart=draw_failures(traffic) if traffic else None,
        write=write_value,
    )
