"""
Saved views of the list of certificates.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from holdfast.services.access import saved_views
from holdfast.web import notices
from holdfast.web.access.session import RequestContext
from holdfast.web.inventory.certificates import VIEWS
from holdfast.web.inventory.query import PATH, parse_query

router = APIRouter(prefix="/certificate-views")


@router.post("")
def save(
    request: Request, context: RequestContext, name: Annotated[str, Form()], query: Annotated[str, Form()] = ""
) -> Response:
    """Save a view: the *query* of the list's address, under a name."""
    own = parse_query(query)
    saved_views.save_view(context, VIEWS, name, own.build_address().partition("?")[2])
    return notices.redirect(request, own.build_address(), "view-saved", name.strip())


@router.post("/delete")
def delete(request: Request, context: RequestContext, name: Annotated[str, Form()]) -> Response:
    """Delete a view."""
    saved_views.delete_view(context, VIEWS, name)
    return notices.redirect(request, PATH, "view-deleted", name)
