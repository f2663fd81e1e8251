"""
The dialogs of rotation: replace, undo, retire, and what was removed and can be restored.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.refusals import Refusal
from holdfast.services.access.principal import Principal
from holdfast.services.catalog import apis
from holdfast.services.errors import NotFound
from holdfast.services.runtime import Runtime
from holdfast.services.trust import endpoint_certificates, removal, rotation
from holdfast.web import dialog
from holdfast.web.access.session import CurrentRuntime, Visitor
from holdfast.web.belonging import get_certificate_of
from holdfast.web.rendering import render
from holdfast.web.trust.certificate_rows import CHANGED, certificate_rows, removed_rows
from holdfast.web.trust.upload_form import (
    LOCKED,
    read_upload,
    upload_form,
)

router = APIRouter(prefix="/apis/{api_id}")


@router.get("/certificates/{alias}/replace")
def ask_to_replace(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, alias: str) -> Response:
    """Ask for the file that comes instead."""
    api, entry = get_certificate_of(runtime, who, api_id, alias)
    return upload_form(request, who, api, "replace", {"alias": entry.alias, "endpoint": entry.endpoint}, {})


@router.post("/certificates/{alias}/replace")
def replace(
    request: Request,
    runtime: CurrentRuntime,
    who: Visitor,
    api_id: str,
    alias: str,
    pem: Annotated[str, Form()] = "",
    fetched: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    keep: Annotated[bool, Form()] = False,
    certificate: UploadFile | None = None,
) -> Response:
    """Replace the certificates of *alias*; with *keep* the old ones are trusted beside the new."""
    api, entry = get_certificate_of(runtime, who, api_id, alias)
    now = runtime.now()
    try:
        data = read_upload(certificate, pem or fetched)
        endpoint_certificates.replace_certificate(runtime.store, who, alias, data, now, password, keep=keep)
    except Refusal as error:
        typed = {"alias": entry.alias, "endpoint": entry.endpoint, "pem": pem, "keep": "true" if keep else ""}
        locked = isinstance(error, LOCKED)
        return upload_form(request, who, api, "replace", typed, error.fields("certificate"), locked=locked)
    return dialog.done(request, runtime, who, api, "certificate-replaced", CHANGED)


@router.get("/certificates/{alias}/in-use")
def show_use(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, alias: str) -> Response:
    """Say which of the two certificates the backend was seen to use: a part of the list, asked for again and again."""
    api = apis.get_api(runtime.store, who, api_id)
    row = next((row for row in certificate_rows(runtime, who, api) if row.entry.alias == alias), None)
    if row is None:
        raise NotFound("endpoint certificate", alias)
    return render(request, "certificates/_in_use.html", who=who, api=api, row=row)


@router.post("/certificates/{alias}/undo")
def undo(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, alias: str) -> Response:
    """Make the certificates current again that were so before the last replacement."""
    api, _ = get_certificate_of(runtime, who, api_id, alias)
    try:
        rotation.undo_replacement(runtime.store, who, alias, runtime.now())
    except Refusal as error:
        return _refused(request, who, api, error)
    return dialog.done(request, runtime, who, api, "certificate-undone", CHANGED)


@router.post("/certificates/{alias}/retire")
def retire(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str, alias: str) -> Response:
    """End the trust in the previous certificates."""
    api, _ = get_certificate_of(runtime, who, api_id, alias)
    try:
        rotation.retire_previous(runtime.store, who, alias, runtime.now())
    except Refusal as error:
        return _refused(request, who, api, error)
    return dialog.done(request, runtime, who, api, "certificate-retired", CHANGED)


@router.get("/removed-certificates")
def show_removed(request: Request, runtime: CurrentRuntime, who: Visitor, api_id: str) -> Response:
    """List what can be restored for the endpoints of an API."""
    return _removed(request, runtime, who, apis.get_api(runtime.store, who, api_id))


@router.post("/removed-certificates/{removed_id}/restore")
def restore(
    request: Request,
    runtime: CurrentRuntime,
    who: Visitor,
    api_id: str,
    removed_id: str,
    alias: Annotated[str, Form()] = "",
) -> Response:
    """Trust again what was removed."""
    api = apis.get_api(runtime.store, who, api_id)
    if removed_id not in {row.removed.id for row in removed_rows(runtime, who, api)}:
        raise NotFound("removed certificate", removed_id)
    try:
        removal.restore_certificate(runtime.store, who, removed_id, runtime.now(), alias or None)
    except Refusal as error:
        return _removed(request, runtime, who, api, str(error), removed_id)
    return dialog.done(request, runtime, who, api, "certificate-restored", CHANGED)


def _removed(
    request: Request, runtime: Runtime, who: Principal, api: Api, error: str = "", refused: str = ""
) -> Response:
    return dialog.show(
        request,
        who,
        "certificates/_removed.html",
        status=422 if error else 200,
        api=api,
        removed=removed_rows(runtime, who, api),
        now=runtime.now(),
        error=error,
        refused=refused,
    )


def _refused(request: Request, who: Principal, api: Api, error: Exception) -> Response:
    return dialog.show(request, who, "certificates/_refused.html", status=422, api=api, error=str(error))
