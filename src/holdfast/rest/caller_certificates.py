"""
`/apis/{apiId}/client-certificates`: certificates of callers, which the gateways do not check.

What is not checked must not be stored as if it were: there are none, and none can be added.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Response, UploadFile

from holdfast.rest.authentication import Caller, Running
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, pagination
from holdfast.services import catalog
from holdfast.services.errors import NotFound, NotOffered
from holdfast.services.principal import Principal
from holdfast.services.runtime import Runtime

router = APIRouter(prefix=f"{PREFIX}/apis/{{api_id}}/client-certificates", tags=["Client Certificates"])
_NOT_CHECKED = (
    "This gateway does not check certificates of callers, so that keeping one would protect nothing. "
    "Nothing was stored. Protect the API in front of the gateway, or in its backend."
)


@router.get("")
def list_caller_certificates(
    running: Running,
    caller: Caller,
    api_id: str,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
    alias: str = "",
) -> dict[str, Any]:
    """List the certificates of callers that an API asks for: none."""
    catalog.get_api(running.store, caller, api_id)
    path = f"{PREFIX}/apis/{api_id}/client-certificates"
    return {"count": 0, "certificates": [], "pagination": pagination(path, {"alias": alias}, offset, limit, 0)}


@router.post("", status_code=501, response_class=Response)
def upload_caller_certificate(
    running: Running,
    caller: Caller,
    api_id: str,
    certificate: UploadFile,
    alias: Annotated[str, Form()],
    tier: Annotated[str, Form()],
) -> Response:
    """Refuse a certificate of a caller, as the gateways would not check it."""
    del certificate, alias, tier
    catalog.get_api(running.store, caller, api_id)
    raise NotOffered(_NOT_CHECKED)


@router.get("/{alias}", response_class=Response)
def get_caller_certificate(running: Running, caller: Caller, api_id: str, alias: str) -> Response:
    """Say that there is no such certificate of a caller."""
    raise _none(running, caller, api_id, alias)


@router.get("/{alias}/content", response_class=Response)
def get_caller_certificate_content(running: Running, caller: Caller, api_id: str, alias: str) -> Response:
    """Say that there is no such certificate of a caller."""
    raise _none(running, caller, api_id, alias)


@router.put("/{alias}", response_class=Response)
def replace_caller_certificate(
    running: Running,
    caller: Caller,
    api_id: str,
    alias: str,
    certificate: UploadFile | None = None,
    tier: Annotated[str, Form()] = "",
) -> Response:
    """Say that there is no such certificate of a caller."""
    del certificate, tier
    raise _none(running, caller, api_id, alias)


@router.delete("/{alias}", response_class=Response)
def delete_caller_certificate(running: Running, caller: Caller, api_id: str, alias: str) -> Response:
    """Say that there is no such certificate of a caller."""
    raise _none(running, caller, api_id, alias)


def _none(running: Runtime, caller: Principal, api_id: str, alias: str) -> NotFound:
    catalog.get_api(running.store, caller, api_id)
    return NotFound("client certificate", alias)
