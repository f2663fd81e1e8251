"""
`/expiry`: the timeline of what expires.
"""

from typing import Annotated

from fastapi import Query

from holdfast.rest.authentication import RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
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
                "period": timeline_period.name,
                "trusted": timeline_period.counts.get(Source.TRUSTED),
                "presented": timeline_period.counts.get(Source.PRESENTED),
            }
            for timeline_period in periods
        ],
        "list": [_describe(entry) for entry in page],
        "pagination": paginate(PATH, filters, offset, limit, total),
    }


def _describe(entry: Expiry) -> responses.Expiry:
    return {
        "expires": entry.at.isoformat(),
        "source": entry.source,
        "name": entry.name,
        "issuer": entry.issuer,
        "endpoint": entry.origin,
        "alias": entry.alias or None,
        "previous": entry.previous,
        "used": entry.used,
        "watchedEndpointId": entry.endpoint_id or None,
    }
