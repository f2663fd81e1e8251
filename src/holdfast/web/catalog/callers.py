"""
The page about the callers of an API: the client certificates that they may present.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.identities.caller_certificate import BOTH, check_environments, drop_requirement
from holdfast.apis.trust.endpoint_certificate import MAX_ALIAS
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis
from holdfast.services.identities import caller_certificates
from holdfast.web import dialog, notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.identities.caller_certificates import find_callers
from holdfast.web.rendering import render
from holdfast.web.trust.upload_form import read_upload

router = APIRouter(prefix="/apis/{api_id}/callers")


@router.get("")
def show(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str) -> Response:
    """Show who can call an API."""
    api = apis.get_api(context, api_id)
    callers = find_callers(runtime, context, api)
    return render(
        request,
        "api/callers.html",
        context=context,
        api=api,
        page="callers",
        callers=callers,
        asks_callers=context.asks_callers,
    )


@router.get("/new")
def ask_to_add(request: Request, context: RequestContext, api_id: str) -> Response:
    """Show the form for another caller's certificate."""
    return _ask(request, context, apis.get_api(context, api_id))


@router.post("/new")
def add(
    request: Request,
    context: RequestContext,
    api_id: str,
    alias: Annotated[str, Form()] = "",
    environment: Annotated[str, Form()] = BOTH,
    pem: Annotated[str, Form()] = "",
    certificate: UploadFile | None = None,
) -> Response:
    """Accept a certificate from callers; with the first one, the API starts to require one."""
    context.user.require(Permission.ADD_CALLER_CERTIFICATES)
    api = apis.get_api(context, api_id)
    try:
        accepted_in = check_environments(environment)
        data = read_upload(certificate, pem)
        caller_certificates.accept_certificate(context, api_id, alias, "", data, accepted_in)
    except Refusal as error:
        return _ask(request, context, api, error.map_to_fields("certificate"), alias=alias, environment=environment)
    return notices.redirect(request, f"/apis/{api_id}/callers", "caller-added", alias.strip())


@router.post("/open")
def open_api(request: Request, context: RequestContext, api_id: str) -> Response:
    """Stop requiring a certificate; refused while there are any."""
    full_api = apis.get_full_api(context, api_id)
    apis.change_api(context, api_id, members=drop_requirement(full_api.members))
    name = f"{full_api.api.name} {full_api.api.version}"
    return notices.redirect(request, f"/apis/{api_id}/callers", "callers-open", name)


@router.get("/{alias}/replace")
def ask_to_replace(request: Request, context: RequestContext, api_id: str, alias: str) -> Response:
    """Show the form for the replacement of a certificate."""
    api = apis.get_api(context, api_id)
    caller_certificates.get_certificate(context, api_id, alias)
    return _ask(request, context, api, alias=alias, replacing=True)


@router.post("/{alias}/replace")
def replace(
    request: Request,
    context: RequestContext,
    api_id: str,
    alias: str,
    pem: Annotated[str, Form()] = "",
    certificate: UploadFile | None = None,
) -> Response:
    """Replace the certificate of a caller at once."""
    context.user.require(Permission.CHANGE_CALLER_CERTIFICATES)
    api = apis.get_api(context, api_id)
    try:
        caller_certificates.replace_certificate(context, api_id, alias, read_upload(certificate, pem), None)
    except Refusal as error:
        return _ask(request, context, api, error.map_to_fields("certificate"), alias=alias, replacing=True)
    return notices.redirect(request, f"/apis/{api_id}/callers", "caller-replaced", alias)


@router.get("/{alias}/delete")
def ask_to_delete(request: Request, context: RequestContext, api_id: str, alias: str) -> Response:
    """Ask for confirmation to delete, and say who can still call the API."""
    api = apis.get_api(context, api_id)
    entry = caller_certificates.get_certificate(context, api_id, alias)
    _, count = caller_certificates.list_certificates(context, api_id, limit=0)
    return dialog.show(
        request,
        context,
        "callers/_delete.html",
        title=f"Delete {alias}",
        api=api,
        page="callers",
        entry=entry,
        is_last=count == 1,
    )


@router.post("/{alias}/delete")
def delete(request: Request, context: RequestContext, api_id: str, alias: str) -> Response:
    """Stop accepting the certificate of a caller."""
    caller_certificates.delete_certificate(context, api_id, alias)
    return notices.redirect(request, f"/apis/{api_id}/callers", "caller-deleted", alias)


def _ask(
    request: Request,
    context: Context,
    api: Api,
    errors: dict[str, str] | None = None,
    *,
    alias: str = "",
    environment: str = BOTH,
    replacing: bool = False,
) -> Response:
    own_errors = {field: text for field, text in (errors or {}).items() if field in {"alias", "certificate"}}
    others = " ".join(text for field, text in (errors or {}).items() if field not in own_errors)
    return dialog.show(
        request,
        context,
        "callers/_upload.html",
        title="Replace caller certificate" if replacing else "Add caller certificate",
        fields=("alias", "certificate"),
        errors=own_errors | ({"certificate": others} if others else {}) if errors else None,
        api=api,
        page="callers",
        alias=alias,
        environment=environment,
        replacing=replacing,
        max_alias=MAX_ALIAS,
    )
