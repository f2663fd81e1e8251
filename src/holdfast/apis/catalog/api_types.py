"""
Types of APIs, named as in WSO2, and which of them gateways serve.
"""

from collections.abc import Mapping
from typing import Any

from holdfast.apis.errors import InvalidField

DEFAULT_TYPE, WEBSOCKET_TYPE = "HTTP", "WS"
GRPC_TYPE = "GRPC"  # Holdfast's own: WSO2's publisher has no such type
# Their requests reach the backend as HTTP, so gateways serve them like HTTP APIs.
SERVED_TYPES = frozenset({DEFAULT_TYPE, "GRAPHQL", GRPC_TYPE, "SOAP", "SSE", WEBSOCKET_TYPE})
# OpenAPI has no examples for their messages.
_WITHOUT_EXAMPLES = frozenset({GRPC_TYPE, WEBSOCKET_TYPE})


def refuse_unserved_type(api_type: str | None) -> None:
    """Raise InvalidField if no gateway serves APIs of this type; None is the default."""
    if (api_type or DEFAULT_TYPE).upper() not in SERVED_TYPES:
        served_types = ", ".join(sorted(SERVED_TYPES))
        text = f"Gateways don't serve APIs of the type {api_type}, so it can't be published. They serve {served_types}."
        raise InvalidField("type", text)


def refuse_unreachable_type(api_type: str | None, prefix: str) -> None:
    """Raise InvalidField if clients of APIs of this type can't call paths with *prefix*, that of an organization."""
    if prefix and (api_type or "").upper() == GRPC_TYPE:
        text = (
            f"Paths of this organization begin with {prefix}, but gRPC clients call /package.Service/Method. Create "
            "the API in the default organization."
        )
        raise InvalidField("type", text)


def get_type(members: Mapping[str, Any]) -> str | None:
    """Return the type in the members of an API's description; None is the default."""
    return members.get("type")


def has_examples(api_type: str | None) -> bool:
    """Return whether the definition of APIs of this type can have examples of responses; None is the default."""
    return (api_type or DEFAULT_TYPE).upper() not in _WITHOUT_EXAMPLES
