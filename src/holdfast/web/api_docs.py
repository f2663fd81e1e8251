"""
`/docs`: the interactive documentation of the REST API.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from holdfast.store.request_store import RequestStore
from holdfast.web.access.session import find_context, get_runtime
from holdfast.web.rendering import render

router = APIRouter()


@router.get("/docs")
def show_api_docs(request: Request) -> HTMLResponse:
    """Show the operations in /openapi.json; requests use the session of the browser."""
    with RequestStore(get_runtime(request).store) as store:
        return render(request, "api_docs.html", find_context(request, store), section="api-docs")
