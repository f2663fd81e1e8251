"""
`/apis/{apiId}/endpoint-health`: which endpoints get no requests, at which gateways.
"""

from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.failures import responses
from holdfast.rest.failures.responses import EndpointHealthOfApi
from holdfast.rest.router import Router
from holdfast.services.failures.endpoint_health import HealthAtGateway, list_endpoint_health

router = Router(prefix=f"{PREFIX}/apis/{{api_id}}/endpoint-health", tags=["Failures"])


@router.get("")
def get_endpoint_health(runtime: CurrentRuntime, context: RequestContext, api_id: str) -> EndpointHealthOfApi:
    """
    Get the health of endpoints.

    Returns whether each gateway sends requests to each endpoint of the API: `available`; `unhealthy`, because it fails
    health checks; `suspended`, because requests failed; or `not-reported`, because the gateway isn't connected, its
    version doesn't report it, or its last report is older than the API. Gateways report every 10 seconds.
    """
    lines = list_endpoint_health(context, runtime.gateway_sources, runtime.enforcements, api_id)
    return {
        "count": len(lines),
        "list": [
            {
                "environment": health.environment,
                "endpoint": health.endpoint.loggable_url,
                "gateways": [_describe(gateway) for gateway in health.gateways],
            }
            for health in lines
        ],
    }


def _describe(health: HealthAtGateway) -> responses.HealthAtGateway:
    return {
        "gateway": health.gateway,
        "group": health.group,
        "state": health.state,
        "since": health.since.isoformat() if health.since else None,
        "code": health.cause,
        "message": health.sentence or None,
        "address": health.address or None,
        "status": health.status or None,
    }
