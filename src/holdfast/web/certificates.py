"""
The dialogs of the certificates section: upload, details, replace, delete. Each is a page of its own without scripts.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.apis.api import Api
from holdfast.apis.endpoint_certificate import MAX_ALIAS, check_alias
from holdfast.apis.errors import InvalidField
from holdfast.certificates import parsing
from holdfast.certificates.errors import CertificateError, EmptyUpload, PasswordNeeded, WrongPassword
from holdfast.services import catalog, trust
from holdfast.services.errors import (
    CertificateExpired,
    Conflict,
    EndpointNeedsNoCertificate,
    IndistinguishableCertificates,
)
from holdfast.web.certificate_rows import certificate_rows
from holdfast.web.rendering import NOTICES, render, wants_part
from holdfast.web.session import Running, Visitor

router = APIRouter(prefix="/apis/{api_id}/certificates")
_LOCKED = (PasswordNeeded, WrongPassword)
_REFUSALS = (
    InvalidField,
    Conflict,
    EndpointNeedsNoCertificate,
    CertificateError,
    CertificateExpired,
    IndistinguishableCertificates,
)


@router.get("/new")
def ask_to_upload(request: Request, running: Running, who: Visitor, api_id: str) -> Response:
    """Ask for a certificate."""
    api = catalog.get_api(running.store, who, api_id)
    return _form(request, who, api, "upload", {}, {})


@router.post("/new")
def upload(
    request: Request,
    running: Running,
    who: Visitor,
    api_id: str,
    endpoint: Annotated[str, Form()] = "",
    alias: Annotated[str, Form()] = "",
    pem: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    certificate: UploadFile | None = None,
) -> Response:
    """Import a certificate."""
    api = catalog.get_api(running.store, who, api_id)
    errors: dict[str, str] = {}
    locked = False
    try:
        check_alias(alias)
    except InvalidField as error:
        errors = _by_field(error)
    try:
        data = _read(certificate, pem)
        if not errors:
            trust.import_certificate(running.store, who, alias, endpoint, data, running.now(), password)
    except _REFUSALS as error:
        errors |= _by_field(error)
        locked = isinstance(error, _LOCKED)
    if errors:
        typed = {"endpoint": endpoint, "alias": alias, "pem": pem}
        return _form(request, who, api, "upload", typed, errors, locked=locked)
    return _done(request, running, who, api, "certificate-added")


@router.post("/inspect")
def inspect(
    request: Request,
    running: Running,
    who: Visitor,
    api_id: str,
    endpoint: Annotated[str, Form()] = "",
    pem: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    certificate: UploadFile | None = None,
) -> Response:
    """Show what a file holds before it is saved."""
    catalog.get_api(running.store, who, api_id)
    error, found, locked = "", None, False
    try:
        found = trust.inspect(running.store, who, _read(certificate, pem), endpoint, running.now(), password)
    except _REFUSALS as refusal:
        error, locked = str(refusal), isinstance(refusal, _LOCKED)
    return render(
        request, "certificates/_inspection.html", who=who, found=found, error=error, locked=locked, now=running.now()
    )


@router.get("/{alias}")
def details(request: Request, running: Running, who: Visitor, api_id: str, alias: str) -> Response:
    """Show all that the certificates of *alias* say."""
    api = catalog.get_api(running.store, who, api_id)
    entry = trust.get_certificate(running.store, who, alias)
    template = "certificates/_details.html" if wants_part(request) else "certificates/details.html"
    return render(
        request,
        template,
        who=who,
        api=api,
        page="endpoints",
        entry=entry,
        findings=trust.examine_entry(running.store, entry, running.now()),
        now=running.now(),
    )


@router.get("/{alias}/replace")
def ask_to_replace(request: Request, running: Running, who: Visitor, api_id: str, alias: str) -> Response:
    """Ask for the file that comes instead."""
    api = catalog.get_api(running.store, who, api_id)
    entry = trust.get_certificate(running.store, who, alias)
    return _form(request, who, api, "replace", {"alias": entry.alias, "endpoint": entry.endpoint}, {})


@router.post("/{alias}/replace")
def replace(
    request: Request,
    running: Running,
    who: Visitor,
    api_id: str,
    alias: str,
    pem: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    certificate: UploadFile | None = None,
) -> Response:
    """Replace the certificates of *alias*."""
    api = catalog.get_api(running.store, who, api_id)
    entry = trust.get_certificate(running.store, who, alias)
    try:
        trust.replace_certificate(running.store, who, alias, _read(certificate, pem), running.now(), password)
    except _REFUSALS as error:
        typed = {"alias": entry.alias, "endpoint": entry.endpoint, "pem": pem}
        return _form(request, who, api, "replace", typed, _by_field(error), locked=isinstance(error, _LOCKED))
    return _done(request, running, who, api, "certificate-replaced")


@router.get("/{alias}/delete")
def ask_to_delete(request: Request, running: Running, who: Visitor, api_id: str, alias: str) -> Response:
    """Ask whether the trust is really to end, and say whom it concerns."""
    api = catalog.get_api(running.store, who, api_id)
    entry = trust.get_certificate(running.store, who, alias)
    template = "certificates/_delete.html" if wants_part(request) else "certificates/delete.html"
    users = trust.apis_using(running.store, who, entry)
    return render(request, template, who=who, api=api, page="endpoints", entry=entry, users=users)


@router.post("/{alias}/delete")
def delete(request: Request, running: Running, who: Visitor, api_id: str, alias: str) -> Response:
    """End the trust."""
    api = catalog.get_api(running.store, who, api_id)
    trust.delete_certificate(running.store, who, alias, running.now())
    return _done(request, running, who, api, "certificate-deleted")


def _read(certificate: UploadFile | None, pem: str) -> bytes:
    data = certificate.file.read(parsing.MAX_BYTES + 1) if certificate else b""
    if data:
        return data
    if not pem.strip() and not (certificate and certificate.filename):
        raise InvalidField("certificate", "Choose the certificate's file, drop it here, or paste its PEM text.")
    if not pem.strip():
        raise EmptyUpload
    return pem.encode()


def _by_field(error: Exception) -> dict[str, str]:
    match error:
        case InvalidField() | Conflict():
            return {error.field: str(error)}
        case EndpointNeedsNoCertificate():
            return {"endpoint": str(error)}
        case _:
            return {"certificate": str(error)}


def _form(
    request: Request,
    who: Visitor,
    api: Api,
    purpose: str,
    typed: dict[str, str],
    errors: dict[str, str],
    *,
    locked: bool = False,
) -> Response:
    # A dialog that is open keeps what was typed and chosen; it gets the errors alone.
    part = "certificates/_errors.html" if errors else "certificates/_upload.html"
    template = part if wants_part(request) else "certificates/upload.html"
    status = 422 if errors else 200
    typed = dict.fromkeys(("endpoint", "alias", "pem"), "") | typed
    errors = dict.fromkeys(("endpoint", "alias", "certificate"), "") | errors
    context = {"api": api, "page": "endpoints", "purpose": purpose, "typed": typed, "errors": errors, "locked": locked}
    return render(request, template, who=who, status=status, max_alias=MAX_ALIAS, **context)


def _done(request: Request, running: Running, who: Visitor, api: Api, done: str) -> Response:
    if not wants_part(request):
        return RedirectResponse(f"/apis/{api.id}/endpoints?done={done}", 303)
    rows = certificate_rows(running, who, api)
    response = render(request, "certificates/_changed.html", api=api, rows=rows, now=running.now(), done=NOTICES[done])
    response.headers["HX-Trigger"] = "dialog-done"
    return response
