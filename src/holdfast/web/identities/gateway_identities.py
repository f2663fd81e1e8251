"""
The gateway identity section of the Endpoints page, and its dialogs.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, UploadFile
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.enforcement import Enforcement
from holdfast.apis.errors import InvalidField
from holdfast.apis.identities.gateway_identity import (
    MAX_COMMON_NAME,
    GatewayIdentity,
    RequestDraft,
)
from holdfast.certificates.errors import PasswordNeeded, WrongPassword
from holdfast.certificates.formats import parsing
from holdfast.certificates.formats.private_keys import KeyType
from holdfast.certificates.validity import Status, get_status
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.services.errors import NotFound
from holdfast.services.identities import gateway_identities
from holdfast.services.runtime import Runtime
from holdfast.web import dialog
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.dialog import Section

router = APIRouter(prefix="/apis/{api_id}/client-certificate")
_KEY_TYPES = {KeyType.P256: "EC P-256", KeyType.RSA_2048: "RSA 2048", KeyType.RSA_3072: "RSA 3072"}
_FIELDS = ("certificate", "password", "subject", "dnsNames", "keyType")


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """The gateway identity for an origin; *endpoint* is one of its URLs."""

    endpoint: str
    origin: str
    entry: GatewayIdentity | None
    status: Status | None
    enforcement: Enforcement


def read_identity_rows(runtime: Runtime, context: Context, api: Api) -> list[IdentityRow]:
    """Read the gateway identities for the https origins of *api*, production first."""
    urls: dict[str, str] = {}
    for endpoint in api.endpoints:
        if endpoint.origin.is_secure:
            urls.setdefault(str(endpoint.origin), endpoint.url)
    enforcements = runtime.enforcements.find_by_origin(context, urls)
    rows = []
    for origin, url in urls.items():
        entry = gateway_identities.get_gateway_identity(context, url)
        rows.append(IdentityRow(url, origin, entry, _judge(entry, context.now), enforcements[origin]))
    return rows


def _judge(entry: GatewayIdentity | None, now: datetime) -> Status | None:
    if entry is None or (entry.own is None and not entry.is_unreadable):
        return None
    return get_status(entry.own, now) if entry.own else Status.UNREADABLE


def _read_section(runtime: Runtime, context: Context, api: Api) -> dict[str, Any]:
    return {"identity_rows": read_identity_rows(runtime, context, api)}


_CHANGED = (Section("gateway_identity/_changed.html", _read_section),)


@router.get("/import")
def ask_to_import(request: Request, context: RequestContext, api_id: str, endpoint: str = "") -> Response:
    """Show the form for a key and its certificate chain."""
    return _show_dialog(request, context, api_id, endpoint, "import")


@router.post("/import")
def import_files(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    endpoint: str = "",
    password: Annotated[str, Form()] = "",
    certificate: UploadFile | None = None,
    key: UploadFile | None = None,
) -> Response:
    """Import a key and its certificate chain."""
    api = _get_api_of(context, api_id, endpoint)
    try:
        gateway_identities.import_gateway_identity(
            context,
            runtime.sealing,
            endpoint,
            _read_file(certificate),
            password,
            key.file.read(parsing.MAX_BYTES + 1) if key else b"",
        )
    except Refusal as error:
        return _show_dialog(request, context, api_id, endpoint, "import", errors=_map_errors(error))
    return dialog.finish(request, runtime, context, api, "client-certificate-imported", endpoint, _CHANGED)


@router.get("/request/new")
def ask_for_request(request: Request, context: RequestContext, api_id: str, endpoint: str = "") -> Response:
    """Show the form for a signing request."""
    return _show_dialog(request, context, api_id, endpoint, "request")


@router.post("/request/new")
def make_request(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    endpoint: str = "",
    subject: Annotated[str, Form()] = "",
    dns_names: Annotated[str, Form(alias="dnsNames")] = "",
    key_type: Annotated[str, Form(alias="keyType")] = KeyType.P256.value,
) -> Response:
    """Create a key and a signing request, and show the request."""
    api = _get_api_of(context, api_id, endpoint)
    draft = RequestDraft(subject, dns_names.replace(",", " ").split(), key_type)
    try:
        entry = gateway_identities.make_request(context, runtime.sealing, endpoint, draft)
    except Refusal as error:
        form = {"subject": subject, "dnsNames": dns_names, "keyType": key_type}
        return _show_dialog(request, context, api_id, endpoint, "request", form=form, errors=_map_errors(error))
    waiting = "gateway_identity/_waiting.html"
    return dialog.finish(
        request,
        runtime,
        context,
        api,
        "client-request-made",
        endpoint,
        _CHANGED,
        then=waiting,
        endpoint=endpoint,
        entry=entry,
    )


@router.get("/request")
def show_request(request: Request, context: RequestContext, api_id: str, endpoint: str = "") -> Response:
    """Show the pending signing request."""
    return _show_dialog(request, context, api_id, endpoint, "waiting")


@router.get("/request/content")
def download_request(context: RequestContext, api_id: str, endpoint: str = "") -> Response:
    """Return the signing request as a file."""
    _get_api_of(context, api_id, endpoint)
    entry = gateway_identities.get_gateway_identity(context, endpoint)
    if entry is None or entry.pending is None:
        raise NotFound("certificate signing request", endpoint)
    disposition = {"Content-Disposition": 'attachment; filename="request.csr"'}
    return Response(entry.pending.request.pem, media_type="application/pkcs10", headers=disposition)


@router.get("/answer")
def ask_for_answer(request: Request, context: RequestContext, api_id: str, endpoint: str = "") -> Response:
    """Show the form for the signed certificate."""
    return _show_dialog(request, context, api_id, endpoint, "answer")


@router.post("/answer")
def import_answer(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    endpoint: str = "",
    certificate: UploadFile | None = None,
) -> Response:
    """Import the signed certificate."""
    api = _get_api_of(context, api_id, endpoint)
    try:
        data = _read_file(certificate)
        gateway_identities.import_answer(context, runtime.sealing, endpoint, data)
    except Refusal as error:
        return _show_dialog(request, context, api_id, endpoint, "answer", errors=_map_errors(error))
    return dialog.finish(request, runtime, context, api, "client-certificate-imported", endpoint, _CHANGED)


@router.get("/discard")
def ask_to_discard(request: Request, context: RequestContext, api_id: str, endpoint: str = "") -> Response:
    """Ask for confirmation to discard the signing request."""
    return _show_dialog(request, context, api_id, endpoint, "discard")


@router.post("/discard")
def discard(
    request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, endpoint: str = ""
) -> Response:
    """Discard the signing request and its key."""
    api = _get_api_of(context, api_id, endpoint)
    gateway_identities.discard_request(context, endpoint)
    return dialog.finish(request, runtime, context, api, "client-request-discarded", endpoint, _CHANGED)


@router.get("/remove")
def ask_to_remove(request: Request, context: RequestContext, api_id: str, endpoint: str = "") -> Response:
    """Ask for confirmation to remove the identity, and list the APIs that use it."""
    return _show_dialog(request, context, api_id, endpoint, "remove")


@router.post("/remove")
def remove(
    request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, endpoint: str = ""
) -> Response:
    """Remove the gateway identity."""
    api = _get_api_of(context, api_id, endpoint)
    gateway_identities.remove_gateway_identity(context, endpoint)
    return dialog.finish(request, runtime, context, api, "client-certificate-removed", endpoint, _CHANGED)


def _read_file(certificate: UploadFile | None) -> bytes:
    if certificate is None or not certificate.filename:
        raise InvalidField("certificate", "Choose a file, or drop it here.")
    return certificate.file.read(parsing.MAX_BYTES + 1)


def _map_errors(error: Refusal) -> dict[str, str]:
    if isinstance(error, PasswordNeeded | WrongPassword):
        return {"password": str(error)}
    return {
        field if field in _FIELDS else "certificate": text for field, text in error.map_to_fields("certificate").items()
    }


def _get_api_of(context: Context, api_id: str, endpoint: str) -> Api:
    """Find the API; *endpoint* must be the URL of one of its https endpoints. Raises NotFound."""
    api = apis.get_api(context, api_id)
    if endpoint not in {own.url for own in api.endpoints if own.origin.is_secure}:
        raise NotFound("https endpoint", endpoint)
    return api


def _show_dialog(
    request: Request,
    context: Context,
    api_id: str,
    endpoint: str,
    part: str,
    form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    context.user.require(Permission.MANAGE_GATEWAY_IDENTITIES)
    api = _get_api_of(context, api_id, endpoint)
    entry = gateway_identities.get_gateway_identity(context, endpoint)
    if part in {"waiting", "answer", "discard"} and (entry is None or entry.pending is None):
        raise NotFound("certificate signing request", endpoint)
    if part == "remove" and entry is None:
        raise NotFound("gateway identity", endpoint)
    users = gateway_identities.list_presenting_apis(context, entry) if part == "remove" and entry else []
    return dialog.show(
        request,
        context,
        f"gateway_identity/_{part}.html",
        title="Gateway identity",
        fields=_FIELDS,
        errors=errors,
        api=api,
        endpoint=endpoint,
        entry=entry,
        users=users,
        form=dict.fromkeys(_FIELDS, "") | (form or {}),
        key_types=_KEY_TYPES,
        max_common_name=MAX_COMMON_NAME,
    )
