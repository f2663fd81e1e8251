"""
The page that lists where verification is off.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.services.trust import exceptions, trust_settings
from holdfast.web import notices
from holdfast.web.access.session import RequestContext
from holdfast.web.rendering import render

router = APIRouter(prefix="/exceptions")


@router.get("")
def show(request: Request, context: RequestContext) -> Response:
    """List the exceptions, the first to expire first."""
    active = exceptions.list_active(context)
    return render(request, "exceptions/list.html", context=context, section="exceptions", active=active)


@router.post("/end")
def end(request: Request, context: RequestContext, origin: Annotated[str, Form()] = "") -> Response:
    """Turn verification back on for an origin."""
    trust_settings.end_exception(context, origin)
    return notices.redirect(request, "/exceptions", "exception-ended", origin)
