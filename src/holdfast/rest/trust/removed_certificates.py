"""
`/removed-endpoint-certificates`: certificates that are no longer trusted, and how to restore them.

Not below `/endpoint-certificates`, where an alias of the same name would hide it.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import RemovedCertificate
from holdfast.certificates.description import describe_certificate
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.errors import PREFIX
from holdfast.rest.pages import DEFAULT_LIMIT, Limit, Offset, paginate
from holdfast.rest.router import Router
from holdfast.rest.trust import responses
from holdfast.rest.trust.endpoint_certificates import describe_entry
from holdfast.rest.trust.responses import EndpointCertificate, RemovedCertificates
from holdfast.services.access.context import Context
from holdfast.services.trust import removal

router = Router(prefix=f"{PREFIX}/removed-endpoint-certificates", tags=["Endpoint certificates"])
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_ALIAS_MEMBER = {"type": "string", "description": "A new alias. Default: the old one."}
_ALIAS = {"schema": {"type": "object", "properties": {"alias": _ALIAS_MEMBER}}}


@router.get("")
def list_removed(context: RequestContext, limit: Limit = DEFAULT_LIMIT, offset: Offset = 0) -> RemovedCertificates:
    """
    List removed endpoint certificates.

    Returns the certificates that were deleted, retired or replaced in the last 30 days, newest first.
    """
    entries, total = removal.list_removed(context, offset, limit)
    return {
        "count": len(entries),
        "list": [_describe(context, entry) for entry in entries],
        "pagination": paginate(router.prefix, {}, offset, limit, total),
    }


async def read_alias(request: Request, context: RequestContext) -> str | None:
    """Return the member or field `alias` of an optional body. Raises InvalidField, HTTPException."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    context.release()  # the body may arrive slowly
    body = await request.body()
    if not body:
        return None
    if kind != "application/json" and kind not in _FORMS:
        raise HTTPException(415, "Send the alias as JSON or as a form, or leave the body empty.")
    try:
        fields = json.loads(body) if kind == "application/json" else await _read_form(request)
    except (ValueError, LookupError, RecursionError) as error:
        raise InvalidField("body", "The body can't be read. Send the alias as JSON or as a form.") from error
    if not isinstance(fields, Mapping):
        raise InvalidField("body", "The body isn't a JSON object. Send the alias as its member.")
    alias = fields.get("alias")
    if alias is not None and not isinstance(alias, str):
        raise InvalidField("alias", "The alias isn't text. Send a string, or leave it out.")
    return alias


@router.post(
    "/{removed_id}/restore",
    openapi_extra={"requestBody": {"content": dict.fromkeys(("application/json", *_FORMS), _ALIAS)}},
)
def restore_certificate(
    runtime: CurrentRuntime,
    context: RequestContext,
    removed_id: str,
    alias: Annotated[str | None, Depends(read_alias)],
) -> EndpointCertificate:
    """
    Restore a removed endpoint certificate.

    Gateways trust it again, under its old alias or a new one.
    """
    return describe_entry(runtime, context, removal.restore_certificate(context, removed_id, alias))


async def _read_form(request: Request) -> dict[str, Any]:
    async with request.form() as fields:
        return dict(fields)


def _describe(context: Context, removed_certificate: RemovedCertificate) -> responses.RemovedCertificate:
    now = context.now
    return {
        "id": removed_certificate.id,
        "alias": removed_certificate.alias,
        "endpoint": removed_certificate.endpoint,
        "why": removed_certificate.why,
        "removedTime": removed_certificate.removed_at.isoformat(),
        "removedBy": removed_certificate.removed_by,
        "restorableUntil": removal.find_restore_end(removed_certificate).isoformat(),
        "certificates": [describe_certificate(certificate, now) for certificate in removed_certificate.certificates],
        "previous": [describe_certificate(certificate, now) for certificate in removed_certificate.previous],
    }
