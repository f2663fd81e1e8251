"""
`/docs`: the interactive documentation of the REST API.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from holdfast.web.rendering import render

router = APIRouter()


@router.get("/docs")
def show_api_docs(request: Request) -> HTMLResponse:
    """Show the operations in /openapi.json; requests use the session of the browser."""
    return render(request, "api_docs.html")
