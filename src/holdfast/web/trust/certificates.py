"""
The dialogs of the certificates section: upload, details, delete.
"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import PlainTextResponse
from starlette.responses import Response

from holdfast.apis import wso2_wording
from holdfast.apis.catalog.api import Api
from holdfast.apis.catalog.description import FullApi
from holdfast.apis.catalog.endpoint import Environment
from holdfast.apis.errors import InvalidField
from holdfast.apis.trust.endpoint_certificate import check_alias
from holdfast.certificates.errors import CertificateError
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.catalog import apis
from holdfast.services.errors import ContentChanged
from holdfast.services.trust import endpoint_certificates, examination, rotation
from holdfast.services.versions import make_api_tag
from holdfast.web import dialog
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.belonging import get_certificate_of, require_origin_of
from holdfast.web.rendering import render
from holdfast.web.trust.certificate_rows import CHANGED
from holdfast.web.trust.upload_form import (
    PASSWORD_ERRORS,
    EndpointsInForm,
    EndpointsInQuery,
    TypedEndpoints,
    explain_alias,
    read_upload,
    show_upload_form,
    suggest_alias,
)

router = APIRouter(prefix="/apis/{api_id}")


@router.get("/new-certificate")
def ask_to_upload(
    request: Request,
    context: RequestContext,
    api_id: str,
    typed_endpoints: EndpointsInQuery,
    endpoint: str = "",
    tokens_of: Environment | None = None,
) -> Response:
    """
    Show the form for a new certificate.

    For an *endpoint* that the user comes from, such as a failing one, the form suggests an alias and fetches what the
    backend presents. *tokens_of* stands for the token endpoint of an environment.
    """
    api = apis.get_api(context, api_id)
    if tokens_of and (token := api.find_token_endpoint(tokens_of)):
        endpoint = token.url
    is_saved = endpoint in {backend.url for backend in api.endpoints}
    form = {"endpoint": endpoint, "alias": suggest_alias(context, endpoint)} if is_saved else {}
    return show_upload_form(request, context, api, "upload", form, {}, typed_endpoints=typed_endpoints, fetch=is_saved)


@router.get("/new-certificate/alias")
def check_typed_alias(context: RequestContext, api_id: str, alias: str = "") -> PlainTextResponse:
    """Explain why a new certificate can't have the *alias* that is being typed; empty if it can."""
    apis.get_api(context, api_id)
    return PlainTextResponse(explain_alias(context, alias) if alias.strip() else "")


@router.post("/new-certificate")
def upload(
    request: Request,
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    typed_endpoints: EndpointsInForm,
    endpoint: Annotated[str, Form()] = "",
    alias: Annotated[str, Form()] = "",
    pem: Annotated[str, Form()] = "",
    fetched: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    certificate: UploadFile | None = None,
) -> Response:
    """Import a certificate; if it is for one of the *typed_endpoints*, save that endpoint first."""
    api = apis.get_api(context, api_id)
    errors = dict[str, str]()
    locked, saved_tag = False, ""
    try:
        check_alias(alias)
    except Refusal as error:
        errors = error.map_to_fields("certificate")
    try:
        require_origin_of(api, endpoint, typed_endpoints.apply_to(api))
    except Refusal as error:
        errors |= error.map_to_fields("certificate")
    try:
        data = read_upload(certificate, pem or fetched)
        if not errors:
            if endpoint not in {backend.url for backend in api.endpoints}:
                full_api = _save_endpoint(context, api, typed_endpoints, endpoint)
                api, saved_tag = full_api.api, make_api_tag(full_api)
            endpoint_certificates.import_certificate(context, alias, endpoint, data, password)
    except Refusal as error:
        errors |= error.map_to_fields("certificate")
        locked = isinstance(error, PASSWORD_ERRORS)
    if errors:
        form = {"endpoint": endpoint, "alias": alias, "pem": pem}
        show = partial(show_upload_form, locked=locked, typed_endpoints=typed_endpoints, saved_tag=saved_tag)
        return show(request, context, api, "upload", form, errors)
    finish = partial(dialog.finish, added=alias, saved_tag=saved_tag)
    response = finish(request, runtime, context, api, "certificate-added", alias, CHANGED)
    if saved_tag:
        response.headers["HX-Trigger"] = "dialog-done, endpoint-saved"
    return response


def _save_endpoint(context: Context, api: Api, typed_endpoints: TypedEndpoints, endpoint: str) -> FullApi:
    """Save *endpoint*, one of the *typed_endpoints*. Raises NotPermitted, InvalidFields; InvalidField if outdated."""
    after = typed_endpoints.apply_to(api)
    production, sandbox = (
        next(
            (
                candidate.url
                for candidate in (typed_endpoint, saved_endpoint)
                if candidate and (candidate == saved_endpoint or candidate.url == endpoint)
            ),
            None,
        )
        for typed_endpoint, saved_endpoint in ((after.production, api.production), (after.sandbox, api.sandbox))
    )
    try:
        change = partial(apis.change_endpoints, expected=typed_endpoints.condition.expected)
        return change(context, api.id, production, sandbox).full_api
    except ContentChanged:
        text = (
            "Someone has changed this API since you opened the page. Save the endpoints there before you import this."
        )
        raise InvalidField("endpoint", text) from None


@router.post("/certificates/inspect")
def inspect(
    request: Request,
    context: RequestContext,
    api_id: str,
    typed_endpoints: EndpointsInForm,
    endpoint: Annotated[str, Form()] = "",
    pem: Annotated[str, Form()] = "",
    fetched: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    replaced: Annotated[str, Form()] = "",
    certificate: UploadFile | None = None,
) -> Response:
    """Show the certificates in a file before it is saved, and why it can't be."""
    api = apis.get_api(context, api_id)
    error, inspection, locked, refusal = "", None, False, ""
    try:
        if endpoint:
            require_origin_of(api, endpoint, typed_endpoints.apply_to(api))
        data = read_upload(certificate, pem or fetched)
        inspection = examination.inspect(context, data, endpoint, password, replaced)
        refusal = inspection.refusal
    except Refusal as reason:
        error, locked = str(reason), isinstance(reason, PASSWORD_ERRORS)
        refusal = error if isinstance(reason, CertificateError) else ""
    return render(
        request,
        "certificates/_inspection.html",
        context=context,
        inspection=inspection,
        error=error,
        locked=locked,
        refusal=refusal,
    )


@router.get("/certificates/{alias}")
def show_details(request: Request, context: RequestContext, api_id: str, alias: str) -> Response:
    """Show the details of the certificates of *alias*."""
    api, entry = get_certificate_of(context, api_id, alias)
    return dialog.show(
        request,
        context,
        "certificates/_details.html",
        title=wso2_wording.DETAILS_OF.format(alias=alias),
        api=api,
        entry=entry,
        findings=examination.examine_entry(context, entry),
        in_use=rotation.recall_generation(entry, context.now),
    )


@router.get("/certificates/{alias}/delete")
def ask_to_delete(request: Request, context: RequestContext, api_id: str, alias: str) -> Response:
    """Ask for confirmation to delete, and list the APIs that use the certificate."""
    api, entry = get_certificate_of(context, api_id, alias)
    users = endpoint_certificates.list_apis_using(context, entry)
    return dialog.show(
        request, context, "certificates/_delete.html", title=f"Delete {alias}", api=api, entry=entry, users=users
    )


@router.post("/certificates/{alias}/delete")
def delete(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, alias: str) -> Response:
    """Delete the certificates of *alias*."""
    api, _ = get_certificate_of(context, api_id, alias)
    endpoint_certificates.delete_certificate(context, alias)
    return dialog.finish(request, runtime, context, api, "certificate-deleted", alias, CHANGED)
