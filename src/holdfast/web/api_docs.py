"""
`/docs`: the operations of the REST API, to read and to try.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from holdfast.web.rendering import render

router = APIRouter()


@router.get("/docs")
def show_api_docs(request: Request) -> HTMLResponse:
    """Show what /openapi.json describes; requests that are tried are those of the signed-in browser."""
    return render(request, "api_docs.html")
