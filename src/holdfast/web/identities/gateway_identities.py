"""
The dialogs of the client certificate: import, request, answer, remove. Each is a page of its own without scripts.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.gateway_identity import MAX_COMMON_NAME, RequestDraft
from holdfast.certificates.errors import CertificateError, PasswordNeeded, WrongPassword
from holdfast.certificates.formats import parsing
from holdfast.certificates.formats.private_keys import KeyType
from holdfast.services.access.permissions import Permission
from holdfast.services.access.principal import Principal
from holdfast.services.catalog import apis
from holdfast.services.errors import CertificateExpired, NotFound
from holdfast.services.identities import gateway_identities
from holdfast.services.runtime import Runtime
from holdfast.store.sealing import CannotUnseal
from holdfast.web.access.session import CurrentRuntime, Visitor
from holdfast.web.identities.identity_rows import client_rows
from holdfast.web.rendering import NOTICES, render, wants_part

router = APIRouter(prefix="/apis/{api_id}/client-certificate")
_REFUSALS = (InvalidField, CertificateError, CertificateExpired, CannotUnseal)
_KEY_TYPES = {KeyType.P256: "EC P-256", KeyType.RSA_2048: "RSA 2048", KeyType.RSA_3072: "RSA 3072"}
_FIELDS = ("certificate", "password", "subject", "dnsNames", "keyType")


@router.get("/import")
def ask_to_import(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, endpoint: str = "") -> Response:
    """Ask for key and chain."""
    return _dialog(request, runtime, who, api_id, endpoint, "import")


@router.post("/import")
def import_files(
    request: Request,
    runtime: CurrentRuntime,
    who: Visitor,
    api_id: str,
    endpoint: str = "",
    password: Annotated[str, Form()] = "",
    certificate: UploadFile | None = None,
    key: UploadFile | None = None,
) -> Response:
    """Present what was chosen."""
    _own_endpoint(runtime, who, api_id, endpoint)
    try:
        gateway_identities.import_client_certificate(
            runtime.store,
            runtime.sealing,
            who,
            endpoint,
            _read(certificate),
            password,
            runtime.now(),
            key.file.read(parsing.MAX_BYTES + 1) if key else b"",
        )
    except _REFUSALS as error:
        return _dialog(request, runtime, who, api_id, endpoint, "import", errors=_by_field(error))
    return _done(request, runtime, who, api_id, "client-certificate-imported")


@router.get("/request/new")
def ask_for_request(
    request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, endpoint: str = ""
) -> Response:
    """Ask what the request is to say."""
    return _dialog(request, runtime, who, api_id, endpoint, "request")


@router.post("/request/new")
def make_request(
    request: Request,
    runtime: CurrentRuntime,
    who: Visitor,
    api_id: str,
    endpoint: str = "",
    subject: Annotated[str, Form()] = "",
    dns_names: Annotated[str, Form(alias="dnsNames")] = "",
    key_type: Annotated[str, Form(alias="keyType")] = KeyType.P256.value,
) -> Response:
    """Make key and request, and show the request."""
    _own_endpoint(runtime, who, api_id, endpoint)
    draft = RequestDraft(subject, dns_names.replace(",", " ").split(), key_type)
    try:
        gateway_identities.make_request(runtime.store, runtime.sealing, who, endpoint, draft, runtime.now())
    except InvalidField as error:
        typed = {"subject": subject, "dnsNames": dns_names, "keyType": key_type}
        return _dialog(request, runtime, who, api_id, endpoint, "request", typed=typed, errors=_by_field(error))
    return _done(request, runtime, who, api_id, "client-request-made", show="waiting", endpoint=endpoint)


@router.get("/request")
def show_request(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, endpoint: str = "") -> Response:
    """Show the request that waits."""
    return _dialog(request, runtime, who, api_id, endpoint, "waiting")


@router.get("/request/content")
def download_request(runtime: CurrentRuntime, who: Visitor, api_id: str, endpoint: str = "") -> Response:
    """Give the request as a file."""
    _own_endpoint(runtime, who, api_id, endpoint)
    entry = gateway_identities.get_client_certificate(runtime.store, who, endpoint)
    if entry is None or entry.pending is None:
        raise NotFound("certificate signing request", endpoint)
    disposition = {"Content-Disposition": 'attachment; filename="request.csr"'}
    return Response(entry.pending.request.pem, media_type="application/pkcs10", headers=disposition)


@router.get("/answer")
def ask_for_answer(
    request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, endpoint: str = ""
) -> Response:
    """Ask for what the CA made."""
    return _dialog(request, runtime, who, api_id, endpoint, "answer")


@router.post("/answer")
def import_answer(
    request: Request,
    runtime: CurrentRuntime,
    who: Visitor,
    api_id: str,
    endpoint: str = "",
    certificate: UploadFile | None = None,
) -> Response:
    """Present what the CA made."""
    _own_endpoint(runtime, who, api_id, endpoint)
    try:
        data = _read(certificate)
        gateway_identities.import_answer(runtime.store, runtime.sealing, who, endpoint, data, runtime.now())
    except _REFUSALS as error:
        return _dialog(request, runtime, who, api_id, endpoint, "answer", errors=_by_field(error))
    return _done(request, runtime, who, api_id, "client-certificate-imported")


@router.get("/discard")
def ask_to_discard(
    request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, endpoint: str = ""
) -> Response:
    """Ask whether the request is really to be forgotten."""
    return _dialog(request, runtime, who, api_id, endpoint, "discard")


@router.post("/discard")
def discard(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, endpoint: str = "") -> Response:
    """Forget the request."""
    _own_endpoint(runtime, who, api_id, endpoint)
    gateway_identities.discard_request(runtime.store, who, endpoint, runtime.now())
    return _done(request, runtime, who, api_id, "client-request-discarded")


@router.get("/remove")
def ask_to_remove(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, endpoint: str = "") -> Response:
    """Ask whether it is really to be removed, and say whom it concerns."""
    return _dialog(request, runtime, who, api_id, endpoint, "remove")


@router.post("/remove")
def remove(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, endpoint: str = "") -> Response:
    """Present nothing any more."""
    _own_endpoint(runtime, who, api_id, endpoint)
    gateway_identities.remove_client_certificate(runtime.store, who, endpoint, runtime.now())
    return _done(request, runtime, who, api_id, "client-certificate-removed")


def _read(certificate: UploadFile | None) -> bytes:
    if certificate is None or not certificate.filename:
        raise InvalidField("certificate", "Choose the file, or drop it here.")
    return certificate.file.read(parsing.MAX_BYTES + 1)


def _by_field(error: Exception) -> dict[str, str]:
    if isinstance(error, InvalidField):
        return {error.field if error.field in _FIELDS else "certificate": str(error)}
    return {"password" if isinstance(error, PasswordNeeded | WrongPassword) else "certificate": str(error)}


def _own_endpoint(runtime: Runtime, who: Principal, api_id: str, endpoint: str) -> Api:
    """Find the API, whose endpoint *endpoint* must be. Raises NotFound."""
    api = apis.get_api(runtime.store, who, api_id)
    if endpoint not in {each.url for each in api.endpoints if each.origin.is_secure}:
        raise NotFound("https endpoint", endpoint)
    return api


def _dialog(
    request: Request,
    runtime: Runtime,
    who: Principal,
    api_id: str,
    endpoint: str,
    part: str,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    who.require(Permission.MANAGE_CLIENT_CERTIFICATES)
    api = _own_endpoint(runtime, who, api_id, endpoint)
    entry = gateway_identities.get_client_certificate(runtime.store, who, endpoint)
    if part in {"waiting", "answer", "discard"} and (entry is None or entry.pending is None):
        raise NotFound("certificate signing request", endpoint)
    if part == "remove" and entry is None:
        raise NotFound("client certificate", endpoint)
    users = gateway_identities.apis_presenting(runtime.store, who, entry) if part == "remove" and entry else []
    # A dialog that is open keeps what was typed and chosen; it gets the errors alone.
    template = f"client_certificate/_{'errors' if errors else part}.html"
    return render(
        request,
        template if wants_part(request) else "client_certificate/page.html",
        who=who,
        status=422 if errors else 200,
        api=api,
        page="endpoints",
        part=f"client_certificate/_{part}.html",
        endpoint=endpoint,
        entry=entry,
        users=users,
        typed=dict.fromkeys(_FIELDS, "") | (typed or {}),
        errors=dict.fromkeys(_FIELDS, "") | (errors or {}),
        key_types=_KEY_TYPES,
        max_common_name=MAX_COMMON_NAME,
    )


def _done(
    request: Request, runtime: Runtime, who: Principal, api_id: str, done: str, *, show: str = "", endpoint: str = ""
) -> Response:
    api = apis.get_api(runtime.store, who, api_id)
    if not wants_part(request):
        return RedirectResponse(f"/apis/{api.id}/endpoints?done={done}", 303)
    response = render(
        request,
        "client_certificate/_changed.html",
        who=who,
        api=api,
        client_rows=client_rows(runtime, who, api),
        now=runtime.now(),
        done=NOTICES[done],
        show=f"client_certificate/_{show}.html" if show else "",
        endpoint=endpoint,
        entry=gateway_identities.get_client_certificate(runtime.store, who, endpoint) if show else None,
    )
    if not show:
        response.headers["HX-Trigger"] = "dialog-done"
    return response
