"""
Error pages.
"""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response

from holdfast.refusals import Refusal, TryLater
from holdfast.services.access.context import Context
from holdfast.services.errors import NotFound, NotPermitted
from holdfast.store.errors import (
    StoreFailure,
    StoreFull,
    StoreReadOnly,
    StoreUnreachable,
    explain_unwritable,
    write_public_text,
)
from holdfast.store.request_store import RequestStore
from holdfast.web.access.session import NotSignedIn, find_context, get_runtime
from holdfast.web.rendering import render, wants_part

log = structlog.get_logger()
DIALOG = "dialog"  # the id of the <dialog> element
_HOME = ("Home", "/")
_LISTS = {  # the page that lists the objects of a kind
    "API": ("APIs", "/apis"),
    "endpoint certificate": ("Certificates", "/certificates"),
    "failed request": ("Failures", "/failures"),
    "failure": ("Failures", "/failures"),
    "gateway": ("Gateways", "/gateways"),
    "group": ("Gateways", "/gateways"),
    "notification channel": ("Notifications", "/notifications"),
    "removed certificate": ("Certificates", "/certificates"),
    "silence": ("Notifications", "/notifications"),
    "token": ("Tokens", "/tokens"),
    "user": ("Users", "/users"),
    "watched endpoint": ("Presented by backends", "/watched-endpoints"),
}


def install(app: FastAPI) -> None:
    """Install the handlers that turn errors into pages."""
    app.add_exception_handler(NotSignedIn, sign_in_first)
    app.add_exception_handler(NotFound, _answer_not_found)
    app.add_exception_handler(NotPermitted, _answer_not_permitted)
    app.add_exception_handler(Refusal, _answer_invalid)
    app.add_exception_handler(TryLater, _answer_try_later)
    for kind in (StoreFull, StoreReadOnly, OSError):
        app.add_exception_handler(kind, _answer_not_saved)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RequestValidationError, _answer_bad_request)
    app.add_exception_handler(Exception, _answer_unexpected)


class RefusalKind(Protocol):
    """Why a request was rejected before it reached the pages."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def title(self) -> str:
        """A short phrase."""


async def refuse(
    door: FastAPI, request: Request, refusal: RefusalKind, text: str, headers: Mapping[str, str]
) -> Response:
    """Answer a request that was rejected before it reached the pages, without reading the database."""
    page = _write(_enter(door, request), refusal.status, refusal.title, text)
    page.headers.update(headers)
    return page


async def fail(door: FastAPI, request: Request, error: Exception) -> Response:
    """Answer a request that failed before it reached the pages."""
    return await _answer_unexpected(_enter(door, request), error)


def _enter(door: FastAPI, request: Request) -> Request:
    return Request({**request.scope, "app": door})


async def sign_in_first(request: Request, error: Exception) -> Response:
    """Redirect to the sign-in page."""
    del error
    path = request.url.path if request.method == "GET" and not wants_part(request) else "/"
    address = "/sign-in?" + urlencode({"next": path})
    if wants_part(request):
        return Response(status_code=204, headers={"HX-Redirect": address})
    return RedirectResponse(address, 303)


async def _answer_not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotFound)  # noqa: S101 - installed for this class only
    step = "Reload the page to see what exists." if wants_part(request) else "It may have been deleted or renamed."
    return await _show_page(request, 404, "Not found", f"{error} {step}", way_out=_LISTS.get(error.kind, _HOME))


async def _answer_not_permitted(request: Request, _error: Exception) -> Response:
    return await _show_page(request, 403, "Not permitted", "Your roles don't allow this. Ask an administrator.")


async def _answer_invalid(request: Request, error: Exception) -> Response:
    return await _show_page(request, 400, "Bad request", str(error))


async def _answer_try_later(request: Request, error: Exception) -> Response:
    assert isinstance(error, TryLater)  # noqa: S101 - installed for this class only
    reading = request.method == "GET"
    title = "Not saved" if isinstance(error, StoreFailure) and not reading else "Try again"
    text = write_public_text(error, reading=reading)
    if isinstance(error, StoreUnreachable):
        page = _write(request, 503, title, text)  # without the user's menu, which is in the database
    else:
        page = await _show_page(request, 503, title, text)
    page.headers["Retry-After"] = str(error.seconds)
    return page


async def _answer_not_saved(request: Request, error: Exception) -> Response:
    failure = explain_unwritable(error)
    if failure is None:
        raise error
    log.error("nothing can be saved", reason=str(failure))
    return await _show_page(request, 507, "Not saved", failure.public)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    if isinstance(error.__cause__, OSError):  # a large body is written to a file
        return await _answer_not_saved(request, error.__cause__)
    status = error.status_code if isinstance(error, HTTPException) else 500
    title, message = HTTPStatus(status).phrase, HTTPStatus(status).description
    if status == 404:
        title, message = "Page not found", "Check the address, or go to Home."
    page = await _show_page(request, status, title, message)
    if isinstance(error, HTTPException):
        page.headers.update(error.headers or {})  # 405 needs Allow (RFC 9110, section 15.5.6)
    return page


async def _answer_unexpected(request: Request, error: Exception) -> Response:
    """Show the request ID that the log has (`request_ids`)."""
    del error
    message = "Try again. If it keeps failing, give this request ID to your Holdfast operator: the log has the cause."
    return await _show_page(request, 500, "Unexpected error", message, request.state.request_id)


async def _show_page(
    request: Request, status: int, title: str, message: str, request_id: str = "", way_out: tuple[str, str] = _HOME
) -> Response:
    """Render an error as a page, with the user's menu if the database can be read."""
    write = partial(_write, request, status, title, message, request_id, way_out=way_out)

    def write_for_user() -> Response:
        with RequestStore(get_runtime(request).store) as store:
            return write(context=find_context(request, store))

    if wants_part(request):  # the page around it has the menu
        return write()
    try:
        return await run_in_threadpool(write_for_user)
    except (StoreFailure, SQLAlchemyError):
        return write()


def _write(
    request: Request,
    status: int,
    title: str,
    message: str,
    request_id: str = "",
    context: Context | None = None,
    way_out: tuple[str, str] = _HOME,
) -> Response:
    """Render an error as a page or, for htmx, as a part of the page, which keeps its input."""
    values: dict[str, Any] = {"title": title, "message": message, "request_id": request_id, "way_out": way_out}
    if not wants_part(request):
        return render(request, "error.html", context, status=status, section="", **values)
    target = request.headers.get("hx-target", "")
    for_dialog = target.endswith(f"#{DIALOG}")
    if request.method == "GET" and not for_dialog and status in {429, 503}:
        return Response(status_code=status, headers={"HX-Reswap": "none"})  # the page polls again
    part = render(request, "_error.html", status=status, for_dialog=for_dialog, **values)
    if "#" not in target:  # the form of a dialog
        part.headers["HX-Retarget"], part.headers["HX-Reswap"] = ".dialog-body", "beforeend"
    return part


async def _answer_bad_request(request: Request, error: Exception) -> Response:
    del error
    message = "The form data isn't valid. Go back, reload the page and try again."
    if request.method == "GET":
        message = "The address has a parameter with a value that isn't possible. Correct it, or go to Home."
    return await _show_page(request, 400, "Bad request", message)
