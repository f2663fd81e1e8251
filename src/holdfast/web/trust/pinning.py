"""
The buttons that pin a certificate without a usable name, and undo that.
"""

from fastapi import APIRouter, Request
from starlette.responses import Response

from holdfast.services.trust import pinning
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.trust.rotation import change_certificate

router = APIRouter(prefix="/apis/{api_id}/certificates")


@router.post("/{alias}/pin")
def pin(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str) -> Response:
    """Accept exactly the certificates of *alias*."""
    return change_certificate(
        request,
        runtime,
        context,
        api_id,
        alias,
        pinning.pin_certificate,
        notice="certificate-pinned",
        refusal="Certificate not pinned",
    )


@router.post("/{alias}/unpin")
def unpin(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str) -> Response:
    """Check the names of *alias* again."""
    return change_certificate(
        request,
        runtime,
        context,
        api_id,
        alias,
        pinning.unpin_certificate,
        notice="certificate-unpinned",
        refusal="Certificate not unpinned",
    )
