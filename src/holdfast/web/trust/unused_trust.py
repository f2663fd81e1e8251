"""
The page that lists certificates and other trust that no API uses.
"""

from datetime import datetime
from functools import partial
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.apis.catalog.endpoint import parse_endpoint
from holdfast.apis.errors import UnreadableData
from holdfast.apis.trust.trust_settings import build_trust_set
from holdfast.certificates.effect import describe_effect
from holdfast.services.errors import NotFound
from holdfast.services.trust import unused_trust
from holdfast.services.trust.endpoint_certificates import judge_entry
from holdfast.services.trust.unused_trust import UnusedTrust
from holdfast.web import dialog, notices
from holdfast.web.access.session import RequestContext
from holdfast.web.rendering import render

router = APIRouter(prefix="/unused-certificates")


@router.get("")
def show(request: Request, context: RequestContext) -> Response:
    """List unused trust by origin."""
    return render(
        request,
        "unused/list.html",
        context=context,
        trusts=unused_trust.find_unused(context),
        judge_entry=judge_entry,
        effect_of=partial(_describe_effect, now=context.now),
    )


@router.get("/delete")
def ask_to_delete(request: Request, context: RequestContext, origin: str = "") -> Response:
    """Ask for confirmation to delete everything stored for an origin."""
    trusts = unused_trust.find_unused(context, [origin])
    if not trusts:
        raise NotFound("unused endpoint", origin)
    return dialog.show(request, context, "unused/_delete.html", title="Delete unused certificates", trusts=trusts)


@router.post("/delete")
def delete(
    request: Request,
    context: RequestContext,
    origin: Annotated[list[str] | None, Form()] = None,
    api_id: Annotated[str, Form()] = "",
) -> Response:
    """Delete everything stored for unused origins, and return to the API or to the list."""
    unused_trust.delete_unused(context, origin or [])
    page = f"/apis/{quote(api_id, safe='')}/endpoints" if api_id else "/unused-certificates"
    return notices.redirect(request, page, "unused-deleted", ", ".join(origin or []))


def _describe_effect(trust: UnusedTrust, now: datetime) -> tuple[str, ...]:
    if trust.settings is None:
        return ()
    certificates = [certificate for entry in trust.certificates for certificate in entry.readable]
    try:
        trust_set = build_trust_set(trust.settings, certificates, parse_endpoint(trust.origin).origin.reference, now)
    except UnreadableData as error:
        return (str(error),)
    return describe_effect(trust_set)
