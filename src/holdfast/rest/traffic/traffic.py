"""
`/traffic`, `/apis/{api_id}/traffic`: requests, latencies and failures over time.
"""

from typing import Annotated

from fastapi import Query

from holdfast.apis.catalog.endpoint import Environment
from holdfast.rest.authentication import RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.router import Router
from holdfast.services.traffic.description import TrafficDescription, describe_traffic
from holdfast.services.traffic.reading import show_api_traffic, show_traffic

router = Router(prefix=PREFIX, tags=["Traffic"])
Range = Annotated[str, Query(alias="range", description="The last `1h`, `6h`, `24h`, `7d` or `30d`.")]
OfEnvironment = Annotated[Environment | None, Query(alias="environment", description="Only this environment.")]
OfGateway = Annotated[str | None, Query(alias="gateway", max_length=200, description="Only this gateway.")]


@router.get("/traffic")
def get_traffic(
    context: RequestContext, period: Range = "24h", environment: OfEnvironment = None, gateway: OfGateway = None
) -> TrafficDescription:
    """
    Get the traffic of all APIs.

    Returns requests, status codes, latencies and bytes of all APIs of the organization, in steps.
    """
    return describe_traffic(show_traffic(context, period, environment, gateway))


@router.get("/apis/{api_id}/traffic")
def get_api_traffic(
    context: RequestContext,
    api_id: str,
    period: Range = "24h",
    environment: OfEnvironment = None,
    gateway: OfGateway = None,
) -> TrafficDescription:
    """
    Get the traffic of an API.

    Returns requests, status codes, latencies and bytes in steps, and by backend and gateway. Gateways report every few
    seconds, so the last step is incomplete.
    """
    _, traffic = show_api_traffic(context, api_id, period, environment, gateway)
    return describe_traffic(traffic)
