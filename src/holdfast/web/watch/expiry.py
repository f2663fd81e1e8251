"""
The page that shows what expires in the next twelve months.
"""

from functools import partial
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.services.access.feeds import find_feed
from holdfast.services.access.permissions import Permission
from holdfast.services.watch import expiry
from holdfast.services.watch.expiry import Source
from holdfast.web.access.session import RequestContext
from holdfast.web.paging import Page
from holdfast.web.rendering import render
from holdfast.web.watch.chart import MEASURES, describe, draw, name_period

router = APIRouter(prefix="/expiry")
PAGE = 100


@router.get("")
def show(
    request: Request, context: RequestContext, month: str = "", source: Source | None = None, page: int = 1
) -> Response:
    """Show the timeline, and the certificates that expire in a *month*, or are expired or expire later."""
    number = min(max(page, 1), expiry.MAX_OFFSET // PAGE)
    periods = expiry.build_timeline(context)
    by_name = {period.name: period for period in periods}
    current = by_name.get(month)
    name = current.name if current else ""
    totals = {choice: expiry.count_all(periods, name, choice) for choice in (None, *Source)}
    return render(
        request,
        "expiry/page.html",
        context=context,
        section="certificates",
        tab="expiry",
        slots=draw(periods, partial(build_address, source=source)),
        chart=MEASURES,
        about=describe(periods),
        source=source,
        build_address=build_address,
        periods=periods,
        name_period=name_period,
        current=current,
        entries=expiry.list_expiries(context, name, source, (number - 1) * PAGE, PAGE),
        options=[_write_option(choice, count, name, source) for choice, count in totals.items()],
        page=_number_pages(number, totals[source], name, source),
        sources=list(periods[0].counts),
        feed=find_feed(context) if context.user.may(Permission.MANAGE_OWN_ACCOUNT) else None,
    )


def _write_option(source: Source | None, count: int, month: str, current: Source | None) -> dict[str, object]:
    return {
        "label": {None: "All", Source.TRUSTED: "Trusted by gateways", Source.PRESENTED: "Presented by backends"}[
            source
        ],
        "href": build_address(month, source),
        "is_current": source is current,
        "count": count,
    }


def _number_pages(number: int, total: int, month: str, source: Source | None) -> Page:
    pages = max(1, -(-min(total, expiry.MAX_OFFSET) // PAGE))
    return Page(
        "certificates",
        f"Page {number:,} of {pages:,}",
        build_address(month, source, number - 1) if number > 1 else None,
        build_address(month, source, number + 1) if number < pages else None,
    )


def build_address(month: str, source: Source | None = None, page: int = 1) -> str:
    """Return the address of the page for a month and a source; empty or None: all."""
    query = {"month": month, "source": source.value if source else "", "page": str(page) if page > 1 else ""}
    parameters = urlencode({name: value for name, value in query.items() if value})
    return f"/expiry?{parameters}#certificates" if parameters else "/expiry#certificates"
