"""
`/expiry`: the timeline of what expires.
"""

from typing import Annotated

from fastapi import Query

from holdfast.rest.access.authentication import RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, pagination
from holdfast.rest.router import Router
from holdfast.rest.watch import responses
from holdfast.rest.watch.responses import ExpiryTimeline
from holdfast.services.watch import expiry
from holdfast.services.watch.expiry import Expiry, Source

PATH = f"{PREFIX}/expiry"
router = Router(prefix=PATH, tags=["Watched endpoints"])


@router.get("")
def get_expiry(
    context: RequestContext,
    period: Annotated[
        str,
        Query(description="Only `expired`, `later`, or a month such as `2026-12`. Default: the next twelve months."),
    ] = "",
    source: Annotated[Source | None, Query(description="Only trusted, or only presented certificates.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> ExpiryTimeline:
    """
    Get what expires.

    Returns the certificates that gateways trust, and those that backends present, by the time at which they expire.
    """
    page = expiry.list_expiries(context, period, source, offset, limit)
    periods = expiry.build_timeline(context)
    total = expiry.count_all(periods, period, source)
    filters = {"period": period, "source": source.value if source else ""}
    return {
        "count": len(page),
        "periods": [
            {
                "period": each.name,
                "trusted": each.counts.get(Source.TRUSTED),
                "presented": each.counts.get(Source.PRESENTED),
            }
            for each in periods
        ],
        "list": [_describe(each) for each in page],
        "pagination": pagination(PATH, filters, offset, limit, total),
    }


def _describe(each: Expiry) -> responses.Expiry:
    return {
        "expires": each.at.isoformat(),
        "source": each.source,
        "name": each.name,
        "issuer": each.issuer,
        "endpoint": each.origin,
        "alias": each.alias or None,
        "previous": each.previous,
        "used": each.used,
        "watchedEndpointId": each.endpoint_id or None,
    }
