"""
The page that creates an API.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis import wso2_wording
from holdfast.apis.catalog.api_types import GRPC_TYPE, WEBSOCKET_TYPE
from holdfast.apis.catalog.connection_settings import ConnectionSettings, Protocol
from holdfast.apis.catalog.endpoint import ENVIRONMENTS
from holdfast.apis.catalog.prototype import MEMBER, MOCKED
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.catalog.default_versions import MEMBER as DEFAULT_VERSION
from holdfast.services.catalog.endpoints import NO_CONNECTIONS, Connections
from holdfast.web import notices
from holdfast.web.access.session import RequestContext
from holdfast.web.rendering import render

router = APIRouter()


@dataclass(frozen=True, slots=True)
class EndpointType:
    """A type of endpoint: its name and hint on the page, and what an API with it has."""

    name: str
    hint: str
    members: Mapping[str, Any] = field(default_factory=dict)
    connections: Connections = field(default_factory=lambda: NO_CONNECTIONS)
    needs_endpoint: bool = True


_HTTP2 = ConnectionSettings(protocol=Protocol.HTTP2)
_TYPES = {
    "http": EndpointType(wso2_wording.HTTP_REST_ENDPOINT, "An http or https URL."),
    "soap": EndpointType(
        wso2_wording.HTTP_SOAP_ENDPOINT,
        "An http or https URL. SOAPAction passes unchanged.",
        {"type": "SOAP", "endpointConfig": {"endpoint_type": "address"}},
    ),
    "grpc": EndpointType(
        "gRPC",
        "The context is the service, such as /shop.v1.Orders, and the URL ends with it. Backends need HTTP/2.",
        {"type": GRPC_TYPE, DEFAULT_VERSION: True},
        dict.fromkeys(ENVIRONMENTS, _HTTP2),
    ),
    "websocket": EndpointType(
        "WebSocket",
        "A wss or ws URL. Requests that don't ask for a websocket are refused.",
        {"type": WEBSOCKET_TYPE, "endpointConfig": {"endpoint_type": "ws"}},
    ),
    "prototype": EndpointType(
        wso2_wording.PROTOTYPE_ENDPOINT,
        "No URL yet: gateways answer with the examples of the definition, which you upload next.",
        {MEMBER: MOCKED},
        needs_endpoint=False,
    ),
}
_USUAL = "http"


@router.get("/apis/new")
def ask_for_api(request: Request, context: RequestContext) -> Response:
    """Show the form for a new API."""
    return _ask(request, context, ApiDraft("", "", "", "", ""), _USUAL)


@router.post("/apis/new")
def create_api(
    request: Request,
    context: RequestContext,
    name: Annotated[str, Form()] = "",
    path: Annotated[str, Form(alias="context")] = "",
    version: Annotated[str, Form()] = "",
    endpoint_type: Annotated[str, Form()] = _USUAL,
    endpoint: Annotated[str, Form()] = "",
    sandbox: Annotated[str, Form()] = "",
    description: Annotated[str, Form()] = "",
) -> Response:
    """Create an API and show it."""
    kind = _TYPES.get(endpoint_type, _TYPES[_USUAL])
    # For types that need no endpoint, the page hides these fields, but sends what was typed into them before.
    production, sandbox_url = (endpoint, sandbox.strip() or None) if kind.needs_endpoint else (None, None)
    draft = ApiDraft(
        name,
        path,
        version,
        production,
        sandbox_url,
        description,
        members=kind.members,
        connections=kind.connections,
    )
    try:
        api = apis.create_api(context, draft)
    except Refusal as error:
        return _ask(request, context, draft, endpoint_type, error.map_to_fields("name"))
    return notices.redirect(request, f"/apis/{api.id}", "api-created", f"{api.name} {api.version}")


def _ask(
    request: Request, context: Context, draft: ApiDraft, endpoint_type: str, errors: dict[str, str] | None = None
) -> Response:
    return render(
        request,
        "apis/new.html",
        context=context,
        status=422 if errors else 200,
        draft=draft,
        types=_TYPES,
        endpoint_type=endpoint_type if endpoint_type in _TYPES else _USUAL,
        errors=errors or {},
    )
