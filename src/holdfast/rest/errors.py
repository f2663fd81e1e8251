"""
Errors of the layers below -> answers in WSO2's shape with RFC 9457's members beside it. Only this module knows both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from holdfast.apis.errors import (
    InvalidDefinition,
    InvalidField,
    InvalidFields,
    TransitionRefused,
    UnreadableArchive,
)
from holdfast.certificates.errors import CertificateError
from holdfast.refusals import Busy, Refusal, TryLater
from holdfast.rest.challenges import challenges
from holdfast.rest.prefixes import PREFIX as PREFIX
from holdfast.services.errors import (
    CertificateExpired,
    Conflict,
    ContentChanged,
    CredentialsMissing,
    EndpointNeedsNoCertificate,
    IndistinguishableCertificates,
    MutualTlsMissing,
    NoPersonalToken,
    NotFound,
    NothingBefore,
    NotPermitted,
    ScopeMissing,
    SignInRefused,
    TokenRefused,
    TooManyAttempts,
    TooManyCallers,
    TooManyTests,
)
from holdfast.store.errors import StoreFull, StoreReadOnly, unwritable
from holdfast.store.sealing import CannotUnseal

log = structlog.get_logger()

MAX_ERRORS = 50  # that one answer names
MAX_FIELD = 200  # characters of a field's name


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of error at this door: status, stable name, short phrase."""

    status: int
    name: str
    title: str


BUSY = Problem(503, "busy", "Service Unavailable")
PROBLEMS: dict[type[Exception], Problem] = {
    Busy: BUSY,
    CannotUnseal: Problem(409, "key-lost", "The key cannot be opened"),
    CertificateError: Problem(400, "certificate-unusable", "The file cannot be used as certificates"),
    CertificateExpired: Problem(400, "certificate-expired", "Certificate Expired"),
    Conflict: Problem(409, "conflict", "The value is taken"),
    ContentChanged: Problem(412, "precondition-failed", "Precondition Failed"),
    EndpointNeedsNoCertificate: Problem(400, "endpoint-without-tls", "The endpoint needs no certificate"),
    IndistinguishableCertificates: Problem(
        409, "certificates-indistinguishable", "The certificates cannot be told apart"
    ),
    InvalidDefinition: Problem(400, "definition-invalid", "The definition cannot be used"),
    InvalidField: Problem(400, "invalid-field", "A value cannot be used"),
    InvalidFields: Problem(400, "invalid-field", "Some values cannot be used"),
    MutualTlsMissing: Problem(400, "mutual-tls-missing", "The gateways do not ask for certificates"),
    NoPersonalToken: Problem(404, "not-found", "Not Found"),
    NotFound: Problem(404, "not-found", "Not Found"),
    NothingBefore: Problem(409, "no-previous-certificate", "There is no previous certificate"),
    NotPermitted: Problem(403, "not-permitted", "Forbidden"),
    CredentialsMissing: Problem(401, "unauthorized", "Unauthorized"),
    ScopeMissing: Problem(403, "scope-missing", "Forbidden"),
    StoreFull: Problem(507, "storage-full", "Insufficient Storage"),
    StoreReadOnly: Problem(507, "storage-read-only", "Insufficient Storage"),
    SignInRefused: Problem(401, "unauthorized", "Unauthorized"),
    TokenRefused: Problem(401, "token-refused", "Unauthorized"),
    TooManyAttempts: Problem(429, "too-many-attempts", "Too many failed attempts"),
    TooManyCallers: Problem(409, "too-many-client-certificates", "Too many client certificates"),
    TooManyTests: Problem(429, "too-many-tests", "Too many tests"),
    TransitionRefused: Problem(400, "transition-refused", "The lifecycle has no such transition"),
    UnreadableArchive: Problem(400, "archive-unusable", "The archive cannot be used"),
}


def answer(
    request: Request,
    problem: Problem,
    description: str,
    details: dict[str, str],
    headers: dict[str, str] | None = None,
    **members: str,
) -> JSONResponse:
    """Write a problem; *details* says what is wrong by field, *members* are further members of the body."""
    body = {
        "code": problem.status,
        "message": problem.title,
        "description": description,
        "moreInfo": "",
        "error": [{"code": field, "message": text} for field, text in details.items()],
        "type": f"/problems/{problem.name}",
        "title": problem.title,
        "status": problem.status,
        "detail": description,
        **members,
    }
    accepts_problem = "application/problem+json" in request.headers.get("accept", "")
    media_type = "application/problem+json" if accepts_problem else "application/json"
    return JSONResponse(body, problem.status, headers, media_type)


async def refuse(request: Request, problem: Problem, text: str, headers: Mapping[str, str]) -> JSONResponse:
    """Answer a request that never gets to this door."""
    return answer(request, problem, text, {}, dict(headers))


def install(app: FastAPI) -> None:
    """Make *app* answer the errors of the layers below."""
    for kind in PROBLEMS:
        app.add_exception_handler(kind, domain_error)
    for kind in (StoreFull, StoreReadOnly, OSError):
        app.add_exception_handler(kind, _not_saved)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, unexpected_error)


def invalid_body(error: ValidationError, *where: str) -> RequestValidationError:
    """Give the error for a body that was not the request's own: *where* it was, like "file"."""
    if error.error_count() > MAX_ERRORS:  # to write them all could take long
        text = f"It has {error.error_count():,} mistakes. Compare it with the description of this operation."
        return RequestValidationError([{"loc": ("body", *where), "type": "too_many", "msg": text}])
    return RequestValidationError([mistake | {"loc": ("body", *where, *mistake["loc"])} for mistake in error.errors()])


async def domain_error(request: Request, error: Exception) -> JSONResponse:
    """Answer an error of the layers below, of one of the kinds in PROBLEMS."""
    problem = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    headers = {}
    if isinstance(error, TryLater):
        headers["Retry-After"] = str(error.seconds)
    details = error.fields() if isinstance(error, Refusal) else {}
    response = answer(request, problem, str(error), details, headers)
    for challenge in challenges(request, error):
        response.headers.append("WWW-Authenticate", challenge)
    return response


async def _not_saved(request: Request, error: Exception) -> JSONResponse:
    failure = unwritable(error)
    if failure is None:
        raise error
    log.error("nothing can be saved", reason=str(failure))
    return answer(request, PROBLEMS[type(failure)], failure.public, {})


async def _invalid_request(request: Request, error: Exception) -> JSONResponse:
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    media_type = _wanted_media_type(request)
    if media_type and any(mistake["loc"][0] == "body" for mistake in errors):
        problem = Problem(415, "unsupported-media-type", "Unsupported Media Type")
        text = f"Send the body as {media_type}."
        return answer(request, problem, text, {"Content-Type": text})
    shown = islice(errors, MAX_ERRORS)
    details = {_field(mistake["loc"]): _write_message(mistake["type"], mistake["msg"]) for mistake in shown}
    if any(mistake["type"] == "json_invalid" for mistake in errors):
        details = {"body": "It is no JSON. Look for a missing quote, comma or bracket."}
    description = " ".join(f"{field}: {text.rstrip('.')}." for field, text in details.items())
    return answer(request, Problem(400, "invalid-request", "Bad Request"), description, details)


def _field(location: Sequence[str | int]) -> str:
    return ".".join(map(str, location[1:]))[:MAX_FIELD] or "body"


def _wanted_media_type(request: Request) -> str | None:
    """Say as what the body should have come, if it came as something else."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    field = getattr(request.scope.get("route"), "body_field", None)
    wanted = getattr(getattr(field, "field_info", None), "media_type", None)
    if wanted == "application/json":
        return None if given == wanted or given.endswith("+json") else wanted
    return None if given == "multipart/form-data" else "multipart/form-data"


def _write_message(kind: str, message: str) -> str:
    if kind == "missing":
        return "It is missing. Send it with the request."
    if "UploadFile" in message:
        return "It is no file. Send it as a part of the form with a file name."
    return message


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is installed for nothing else
    if isinstance(error.__cause__, OSError):  # a body that did not fit into memory goes to a file
        return await _not_saved(request, error.__cause__)
    if error.status_code == HTTPStatus.NOT_MODIFIED:
        return Response(status_code=error.status_code, headers=dict(error.headers or {}))
    phrase = HTTPStatus(error.status_code).phrase
    problem = Problem(error.status_code, phrase.lower().replace(" ", "-"), phrase)
    return answer(request, problem, str(error.detail), {}, dict(error.headers or {}))


async def unexpected_error(request: Request, error: Exception) -> JSONResponse:
    """Answer what nobody foresaw: only with the ID under which it is logged (`request_ids`)."""
    del error
    request_id = request.state.request_id
    problem = Problem(500, "internal-server-error", "Internal Server Error")
    text = f"Unexpected error. Holdfast's log has the cause under request ID {request_id}."
    return answer(request, problem, text, {}, request_id=request_id)
