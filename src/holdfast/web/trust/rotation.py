"""
The dialogs of rotation: replace, undo, retire, restore.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.errors import NotFound
from holdfast.services.runtime import Runtime
from holdfast.services.trust import endpoint_certificates, removal, rotation
from holdfast.web import dialog
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.belonging import get_certificate_of
from holdfast.web.rendering import render
from holdfast.web.trust.certificate_rows import CHANGED, CertificateRow, read_certificate_rows, read_removed_rows
from holdfast.web.trust.upload_form import (
    PASSWORD_ERRORS,
    read_upload,
    show_upload_form,
)

router = APIRouter(prefix="/apis/{api_id}")


@router.get("/certificates/{alias}/replace")
def ask_to_replace(request: Request, context: RequestContext, api_id: str, alias: str) -> Response:
    """Show the form for the replacement."""
    api, entry = get_certificate_of(context, api_id, alias)
    return show_upload_form(request, context, api, "replace", {"alias": entry.alias, "endpoint": entry.endpoint}, {})


@router.post("/certificates/{alias}/replace")
def replace(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    alias: str,
    pem: Annotated[str, Form()] = "",
    fetched: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    keep: Annotated[bool, Form()] = False,
    certificate: UploadFile | None = None,
) -> Response:
    """Replace the certificates of *alias*; with *keep*, the old ones stay trusted."""
    api, entry = get_certificate_of(context, api_id, alias)
    try:
        data = read_upload(certificate, pem or fetched)
        endpoint_certificates.replace_certificate(context, alias, data, password, keep=keep)
    except Refusal as error:
        form = {"alias": entry.alias, "endpoint": entry.endpoint, "pem": pem, "keep": "true" if keep else ""}
        locked = isinstance(error, PASSWORD_ERRORS)
        return show_upload_form(
            request, context, api, "replace", form, error.map_to_fields("certificate"), locked=locked
        )
    return dialog.finish(request, runtime, context, api, "certificate-replaced", alias, CHANGED)


@router.get("/certificates/{alias}/in-use")
def show_use(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str) -> Response:
    """Show which of the two certificates the backend uses; the page polls this part of its list."""
    api, row = _get_row(runtime, context, api_id, alias)
    return render(request, "certificates/_in_use.html", context=context, api=api, row=row)


@router.post("/certificates/{alias}/undo")
def undo(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str) -> Response:
    """Undo the last replacement."""
    return change_certificate(
        request,
        runtime,
        context,
        api_id,
        alias,
        rotation.undo_replacement,
        notice="certificate-undone",
        refusal="Replacement not undone",
    )


@router.get("/certificates/{alias}/retire")
def ask_to_retire(
    request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str
) -> Response:
    """Ask for confirmation, and say which certificate the backend uses."""
    api, row = _get_row(runtime, context, api_id, alias)
    if not row.entry.previous:
        raise NotFound("previous certificate", alias)
    return dialog.show(
        request, context, "certificates/_retire.html", title=f"Retire previous of {alias}", api=api, row=row
    )


@router.post("/certificates/{alias}/retire")
def retire(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str) -> Response:
    """Stop trusting the previous certificates."""
    return change_certificate(
        request,
        runtime,
        context,
        api_id,
        alias,
        rotation.retire_previous,
        notice="certificate-retired",
        refusal="Previous certificate not retired",
    )


def _get_row(runtime: Runtime, context: Context, api_id: str, alias: str) -> tuple[Api, CertificateRow]:
    api = apis.get_api(context, api_id)
    row = next((row for row in read_certificate_rows(runtime, context, api) if row.entry.alias == alias), None)
    if row is None:
        raise NotFound("endpoint certificate", alias)
    return api, row


@router.get("/removed-certificates")
def show_removed(request: Request, context: RequestContext, api_id: str) -> Response:
    """List the certificates that can be restored for the endpoints of an API."""
    return _show_removed(request, context, apis.get_api(context, api_id))


@router.post("/removed-certificates/{removed_id}/restore")
def restore(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    removed_id: str,
    alias: Annotated[str, Form()] = "",
) -> Response:
    """Restore removed certificates."""
    api = apis.get_api(context, api_id)
    if removed_id not in {row.certificate.id for row in read_removed_rows(context, api)}:
        raise NotFound("removed certificate", removed_id)
    try:
        entry = removal.restore_certificate(context, removed_id, alias or None)
    except Refusal as error:
        return _show_removed(request, context, api, str(error), removed_id)
    return dialog.finish(request, runtime, context, api, "certificate-restored", entry.alias, CHANGED)


def _show_removed(request: Request, context: Context, api: Api, error: str = "", refused_id: str = "") -> Response:
    return dialog.show(
        request,
        context,
        "certificates/_removed.html",
        title="Removed certificates",
        status=422 if error else 200,
        api=api,
        removed_rows=read_removed_rows(context, api),
        error=error,
        refused_id=refused_id,
    )


def change_certificate(
    request: Request,
    runtime: Runtime,
    context: Context,
    api_id: str,
    alias: str,
    change: Callable[[Context, str], object],
    *,
    notice: str,
    refusal: str,
) -> Response:
    """Call *change* with *alias*, and show *notice* on the page, or why it was refused in a dialog titled *refusal*."""
    api, _ = get_certificate_of(context, api_id, alias)
    try:
        change(context, alias)
    except Refusal as error:
        return _show_refusal(request, context, api, refusal, error)
    return dialog.finish(request, runtime, context, api, notice, alias, CHANGED)


def _show_refusal(request: Request, context: Context, api: Api, title: str, error: Exception) -> Response:
    """Show in the dialog why the change was refused."""
    template = "certificates/_refused.html"
    return dialog.show(request, context, template, status=422, title=title, api=api, error=str(error))
