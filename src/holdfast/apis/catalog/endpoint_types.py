"""
The types of endpoints in WSO2's `endpointConfig`, and why gateways don't serve some of them.
"""

from holdfast.apis.catalog.group_members import GROUP_TYPES
from holdfast.apis.errors import InvalidField

# address is HTTP/SOAP, and ws is for websocket APIs; gateways treat both like any other HTTP.
SERVED = frozenset({"http", "address", "ws"}) | GROUP_TYPES
_REFUSALS = {
    "default": (
        "Dynamic endpoints (type 'default') aren't supported: a policy would choose the backend for each request, and "
        "gateways only call backends whose certificates they can verify. Use type 'http' with the backend's URL, and "
        "one API for each backend."
    ),
    "awslambda": (
        "AWS Lambda endpoints (type 'awslambda') aren't supported: every gateway would need AWS credentials, which "
        "Holdfast can't limit to one endpoint. Use type 'http' with the function's URL "
        "(https://ID.lambda-url.REGION.on.aws), or with an Amazon API Gateway in front of it."
    ),
}


def check_endpoint_type(kind: str) -> None:
    """Raise InvalidField if gateways don't serve endpoints of this type."""
    if kind not in SERVED:
        text = f"Endpoint type {kind!r} isn't supported. Use 'http' (for https URLs too), 'load_balance' or 'failover'."
        raise InvalidField("endpointConfig.endpoint_type", _REFUSALS.get(kind, text))
