"""
The page Traffic of an API.
"""

import re

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.traffic.latencies import find_percentile
from holdfast.apis.traffic.periods import RANGES
from holdfast.services.traffic.description import describe_traffic, write_csv
from holdfast.services.traffic.reading import show_api_traffic
from holdfast.web.access.session import RequestContext
from holdfast.web.rendering import render
from holdfast.web.traffic.charts import draw_bytes, draw_latencies, draw_requests, write_value

router = APIRouter()
DEFAULT_RANGE = "24h"


@router.get("/apis/{api_id}/traffic")
def show(request: Request, context: RequestContext, api_id: str, period: str = DEFAULT_RANGE) -> Response:
    """Show the traffic of an API in a range of time."""
    api, traffic = show_api_traffic(context, api_id, period if period in RANGES else DEFAULT_RANGE)
    return render(
        request,
        "traffic/api.html",
        context=context,
        api=api,
        page="traffic",
        traffic=traffic,
        ranges=list(RANGES),
        charts=[draw_requests(traffic), draw_latencies(traffic), draw_bytes(traffic)],
        percentile=find_percentile,
        write=write_value,
    )


@router.get("/apis/{api_id}/traffic.csv")
def download_csv(context: RequestContext, api_id: str, period: str = DEFAULT_RANGE) -> Response:
    """Download the steps of an API's traffic as CSV."""
    api, traffic = show_api_traffic(context, api_id, period)
    return PlainTextResponse(write_csv(traffic), 200, _attach(api, "csv"), media_type="text/csv")


@router.get("/apis/{api_id}/traffic.json")
def download_json(context: RequestContext, api_id: str, period: str = DEFAULT_RANGE) -> Response:
    """Download an API's traffic as JSON, as REST describes it."""
    api, traffic = show_api_traffic(context, api_id, period)
    return JSONResponse(describe_traffic(traffic), 200, _attach(api, "json"))


def _attach(api: Api, kind: str) -> dict[str, str]:
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", f"{api.name}-{api.version}")
    return {"content-disposition": f'attachment; filename="traffic-{name}.{kind}"'}
