"""
Errors -> pages.
"""

from http import HTTPStatus
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response

from holdfast.apis.errors import InvalidField
from holdfast.services.errors import Busy, EndpointNeedsNoCertificate, NotFound, NotPermitted
from holdfast.store.errors import StoreBusy, StoreFull, StoreReadOnly, unwritable
from holdfast.web.rendering import render, wants_part
from holdfast.web.session import NotSignedIn

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Make *app* answer errors with pages."""
    app.add_exception_handler(NotSignedIn, sign_in_first)
    app.add_exception_handler(NotFound, _not_found)
    app.add_exception_handler(NotPermitted, _not_permitted)
    app.add_exception_handler(InvalidField, _invalid)
    app.add_exception_handler(EndpointNeedsNoCertificate, _invalid)
    app.add_exception_handler(StoreBusy, _busy)
    app.add_exception_handler(Busy, _busy)
    for kind in (StoreFull, StoreReadOnly, OSError):
        app.add_exception_handler(kind, _not_saved)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_request)


async def sign_in_first(request: Request, error: Exception) -> Response:
    """Lead somebody who has not signed in to the page where they can."""
    del error
    wanted = request.url.path if request.method == "GET" and not wants_part(request) else "/apis"
    address = "/sign-in?" + urlencode({"next": wanted})
    if wants_part(request):
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


async def _not_found(request: Request, error: Exception) -> Response:
    return render(request, "error.html", status=404, title="Not found", message=str(error))


async def _not_permitted(request: Request, error: Exception) -> Response:
    return render(request, "error.html", status=403, title="Not permitted", message=str(error))


async def _invalid(request: Request, error: Exception) -> Response:
    return render(request, "error.html", status=400, title="Bad request", message=str(error))


async def _busy(request: Request, error: Exception) -> Response:
    title = "Not saved" if isinstance(error, StoreBusy) else "Try again"
    page = render(request, "error.html", status=503, title=title, message=str(error))
    page.headers["Retry-After"] = str(error.seconds if isinstance(error, StoreBusy | Busy) else 1)
    return page


async def _not_saved(request: Request, error: Exception) -> Response:
    failure = unwritable(error)
    if failure is None:
        raise error
    log.error("nothing can be saved", reason=str(failure))
    return render(request, "error.html", status=507, title="Not saved", message=failure.public)


async def _http_error(request: Request, error: Exception) -> Response:
    if isinstance(error.__cause__, OSError):  # a body that did not fit into memory goes to a file
        return await _not_saved(request, error.__cause__)
    status = error.status_code if isinstance(error, HTTPException) else 500
    title, message = HTTPStatus(status).phrase, HTTPStatus(status).description
    if status == 404:
        title, message = "Page not found", "Check the address, or start from the list of APIs."
    return render(request, "error.html", status=status, title=title, message=message)


async def _bad_request(request: Request, error: Exception) -> Response:
    del error
    message = "The form was not filled in as this page sends it. Go back and try again."
    return render(request, "error.html", status=400, title="Bad request", message=message)
