"""
Turn errors of the layers below into responses with the members of WSO2's publisher and of RFC 9457.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from typing import Any

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
    UnreadableData,
)
from holdfast.apis.trust.endpoint_certificate import UnreadableCertificate
from holdfast.apis.wso2_wording import ALREADY_EXISTS, CERTIFICATE_EXPIRED
from holdfast.certificates.errors import CertificateError
from holdfast.certificates.gateway_certificates import UnusableRequest
from holdfast.refusals import Busy, Refusal, TryLater
from holdfast.rest.challenges import list_challenges
from holdfast.rest.next_steps import suggest_step
from holdfast.rest.prefixes import PREFIX as PREFIX
from holdfast.services.errors import (
    AlreadyExists,
    CertificateExpired,
    Conflict,
    ContentChanged,
    ControlPlaneSilent,
    CredentialsMissing,
    EndpointNeedsNoCertificate,
    IndistinguishableCertificates,
    JoinRefused,
    MutualTlsMissing,
    NoDiscovery,
    NoPersonalToken,
    NotFound,
    NothingBefore,
    NotPermitted,
    OldControlPlanes,
    RenewedJustNow,
    ScopeMissing,
    SignInRefused,
    TokenRefused,
    TooManyAttempts,
    TooManyCallers,
    TooManyRevisions,
    TooManyTests,
)
from holdfast.services.inventory.bulk import ReplacementRefused
from holdfast.store.errors import StoreFull, StoreReadOnly, StoreUnreachable, explain_unwritable, write_public_text
from holdfast.store.sealing import CannotUnseal
from holdfast.store.unstorable_text import UnstorableText

log = structlog.get_logger()

MAX_ERRORS = 50  # in one response
MAX_FIELD = 200  # characters of a field's name
ALTERNATIVE = "$"  # begins the names of alternatives of a value


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of REST error: status, stable name (the end of `type`), short phrase (`title`)."""

    status: int
    name: str
    title: str


BUSY = Problem(503, "busy", "Service Unavailable")
PROBLEMS: dict[type[Exception], Problem] = {
    Busy: BUSY,
    CannotUnseal: Problem(409, "key-lost", "Private key can't be decrypted"),
    CertificateError: Problem(400, "certificate-unusable", "Invalid certificate file"),
    CertificateExpired: Problem(400, "certificate-expired", CERTIFICATE_EXPIRED),
    AlreadyExists: Problem(409, "conflict", f"The resource {ALREADY_EXISTS}."),
    Conflict: Problem(409, "conflict", "Conflict"),
    ControlPlaneSilent: Problem(503, "control-plane-silent", "Service Unavailable"),
    ContentChanged: Problem(412, "precondition-failed", "Precondition Failed"),
    EndpointNeedsNoCertificate: Problem(400, "endpoint-without-tls", "Endpoint doesn't use TLS"),
    ReplacementRefused: Problem(409, "replacement-refused", "Replacement refused"),
    IndistinguishableCertificates: Problem(409, "certificates-indistinguishable", "Indistinguishable certificates"),
    InvalidDefinition: Problem(400, "definition-invalid", "Invalid definition"),
    InvalidField: Problem(400, "invalid-field", "Invalid value"),
    InvalidFields: Problem(400, "invalid-field", "Invalid values"),
    JoinRefused: Problem(403, "join-refused", "Join token rejected"),
    MutualTlsMissing: Problem(400, "mutual-tls-missing", "Gateways don't ask for client certificates"),
    NoPersonalToken: Problem(404, "not-found", "Not Found"),
    NoDiscovery: Problem(409, "discovery-off", "Conflict"),
    NotFound: Problem(404, "not-found", "Not Found"),
    NothingBefore: Problem(409, "no-previous-certificate", "No previous certificate"),
    NotPermitted: Problem(403, "not-permitted", "Forbidden"),
    OldControlPlanes: Problem(409, "control-planes-too-old", "Conflict"),
    CredentialsMissing: Problem(401, "unauthorized", "Unauthorized"),
    RenewedJustNow: Problem(429, "renewed-just-now", "Too Many Requests"),
    ScopeMissing: Problem(403, "scope-missing", "Forbidden"),
    StoreUnreachable: Problem(503, "database-unreachable", "Service Unavailable"),
    StoreFull: Problem(507, "storage-full", "Insufficient Storage"),
    StoreReadOnly: Problem(507, "storage-read-only", "Insufficient Storage"),
    SignInRefused: Problem(401, "unauthorized", "Unauthorized"),
    TokenRefused: Problem(401, "token-refused", "Unauthorized"),
    TooManyAttempts: Problem(429, "too-many-attempts", "Too many failed attempts"),
    TooManyCallers: Problem(409, "too-many-client-certificates", "Too many client certificates"),
    TooManyRevisions: Problem(400, "too-many-revisions", "Too many revisions"),
    TooManyTests: Problem(429, "too-many-tests", "Too many tests"),
    TransitionRefused: Problem(400, "transition-refused", "Lifecycle action not allowed"),
    UnreadableData: Problem(409, "stored-data-unreadable", "Stored data can't be read"),
    UnreadableCertificate: Problem(409, "certificate-unreadable", "Stored certificate can't be read"),
    UnusableRequest: Problem(400, "signing-request-unusable", "Invalid signing request"),
    UnstorableText: Problem(400, "invalid-field", "Invalid value"),
    UnreadableArchive: Problem(400, "archive-unusable", "Invalid archive"),
}


def answer(
    request: Request,
    problem: Problem,
    description: str,
    details: dict[str, str],
    headers: dict[str, str] | None = None,
    **members: str,
) -> JSONResponse:
    """Respond with *problem*; *details* maps fields to errors, *members* are added to the body."""
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
    """Respond to a request that is rejected before it reaches the REST application."""
    return answer(request, problem, text, {}, dict(headers))


def install(app: FastAPI) -> None:
    """Install handlers in *app* for the errors of the layers below."""
    for kind in PROBLEMS:
        app.add_exception_handler(kind, answer_domain_error)
    for kind in (StoreFull, StoreReadOnly, OSError):
        app.add_exception_handler(kind, _answer_not_saved)
    app.add_exception_handler(RequestValidationError, _answer_invalid_request)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, answer_unexpected_error)


def build_body_error(error: ValidationError, *where: str) -> RequestValidationError:
    """Return the error for an invalid document within the body, in the field *where*, such as "file"."""
    if error.error_count() > MAX_ERRORS:  # writing them all could take long
        text = f"It has {error.error_count():,} errors. Compare it with this operation in /openapi.json."
        return RequestValidationError([{"loc": ("body", *where), "type": "too_many", "msg": text}])
    return RequestValidationError([invalid | {"loc": ("body", *where, *invalid["loc"])} for invalid in error.errors()])


def list_details(errors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the messages of a RequestValidationError's *errors*, by field."""
    first_errors = islice(errors, MAX_ERRORS)
    return {_name_field(invalid["loc"]): _write_message(invalid["type"], invalid["msg"]) for invalid in first_errors}


async def answer_domain_error(request: Request, error: Exception) -> JSONResponse:
    """Respond to an error of one of the kinds in PROBLEMS."""
    problem = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    headers = {}
    if isinstance(error, TryLater):
        headers["Retry-After"] = str(error.seconds)
    details = error.map_to_fields() if isinstance(error, Refusal) else {}
    text = write_public_text(error, reading=request.method in {"GET", "HEAD"})
    if isinstance(error, NotFound):
        text += f" {suggest_step(error)}"
    response = answer(request, problem, text, details, headers)
    for challenge in list_challenges(request, error):
        response.headers.append("WWW-Authenticate", challenge)
    return response


async def _answer_not_saved(request: Request, error: Exception) -> JSONResponse:
    failure = explain_unwritable(error)
    if failure is None:
        raise error
    log.error("nothing can be saved", reason=str(failure))
    return await answer_domain_error(request, failure)


async def _answer_invalid_request(request: Request, error: Exception) -> JSONResponse:
    errors = error.errors() if isinstance(error, RequestValidationError) else []
    media_type = _find_expected_media_type(request)
    if media_type and any(invalid["loc"][0] == "body" for invalid in errors):
        problem = Problem(415, "unsupported-media-type", "Unsupported Media Type")
        text = f"Send the body as {media_type}."
        return answer(request, problem, text, {"Content-Type": text})
    details = list_details(errors)
    if any(invalid["type"] == "json_invalid" for invalid in errors):
        details = {"body": "It isn't valid JSON. Look for a missing quote, comma or bracket."}
    description = " ".join(f"{field}: {text.rstrip('.')}." for field, text in details.items())
    return answer(request, Problem(400, "invalid-request", "Bad Request"), description, details)


def _name_field(location: Sequence[str | int]) -> str:
    # Parts with this prefix are names of alternatives, which the sender doesn't know.
    parts = [part for part in map(str, location[1:]) if not part.startswith(ALTERNATIVE)]
    return ".".join(parts)[:MAX_FIELD] or "body"


def _find_expected_media_type(request: Request) -> str | None:
    """Return the media type that the operation expects, None if the body has it."""
    actual = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    field = getattr(request.scope.get("route"), "body_field", None)
    expected = getattr(getattr(field, "field_info", None), "media_type", None)
    if expected == "application/json":
        return None if actual == expected or actual.endswith("+json") else expected
    return None if actual == "multipart/form-data" else "multipart/form-data"


def _write_message(kind: str, message: str) -> str:
    if kind == "missing":
        return "It is required."
    if "UploadFile" in message:
        return "It isn't a file. Send it as a form part with a file name."
    return message


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is installed only for these
    if isinstance(error.__cause__, OSError):  # a body that doesn't fit into memory is written to a file
        return await _answer_not_saved(request, error.__cause__)
    if error.status_code == HTTPStatus.NOT_MODIFIED:
        return Response(status_code=error.status_code, headers=dict(error.headers or {}))
    phrase = HTTPStatus(error.status_code).phrase
    problem = Problem(error.status_code, phrase.lower().replace(" ", "-"), phrase)
    text = _explain_no_operation(request, error) or str(error.detail)
    return answer(request, problem, text, {}, dict(error.headers or {}))


def _explain_no_operation(request: Request, error: HTTPException) -> str:
    """Return what to do about a path or method without an operation; empty for other errors."""
    if error.detail != HTTPStatus(error.status_code).phrase:
        return ""
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            return "No operation has this path. /openapi.json lists all."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = (error.headers or {}).get("Allow", "")
            return f"This path has no operation {request.method}{f', only {allowed}' if allowed else ''}."
    return ""


async def answer_unexpected_error(request: Request, error: Exception) -> JSONResponse:
    """Respond to an unexpected error with the request ID under which it is logged (`request_ids`), and nothing else."""
    del error
    request_id = request.state.request_id
    problem = Problem(500, "internal-server-error", "Internal Server Error")
    text = f"Unexpected error. The cause is in Holdfast's log under request ID {request_id}."
    return answer(request, problem, text, {}, request_id=request_id)
