"""
The buttons that pin a certificate without a usable name, and undo that.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.refusals import Refusal
from holdfast.services.trust import pinning
from holdfast.web import dialog
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.belonging import get_certificate_of
from holdfast.web.trust.certificate_rows import CHANGED
from holdfast.web.trust.rotation import show_refusal

router = APIRouter(prefix="/apis/{api_id}/certificates")


@router.post("/{alias}/pin")
def pin(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str) -> Response:
    """Accept exactly the certificates of *alias*."""
    api, _ = get_certificate_of(context, api_id, alias)
    try:
        pinning.pin_certificate(context, alias)
    except Refusal as error:
        return show_refusal(request, context, api, "Certificate not pinned", error)
    return dialog.finish(request, runtime, context, api, "certificate-pinned", alias, CHANGED)


@router.post("/{alias}/unpin")
def unpin(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str) -> Response:
    """Check the names of *alias* again."""
    api, _ = get_certificate_of(context, api_id, alias)
    pinning.unpin_certificate(context, alias)
    return dialog.finish(request, runtime, context, api, "certificate-unpinned", alias, CHANGED)
