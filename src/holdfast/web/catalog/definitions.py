"""
Pages about OpenAPI definitions: create an API from a file, and show, download and replace the definition of an API.
"""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request, UploadFile
from starlette.responses import Response

from holdfast.apis.catalog.api import Api
from holdfast.apis.definitions.documents import MAX_BYTES
from holdfast.apis.definitions.openapi import Definition, read_definition
from holdfast.apis.errors import InvalidField
from holdfast.refusals import Refusal
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.catalog import apis, definitions
from holdfast.services.catalog.apis import ApiDraft
from holdfast.services.runtime import Runtime
from holdfast.web import dialog, notices
from holdfast.web.access.session import CurrentRuntime, RequestContext
from holdfast.web.rendering import render

router = APIRouter(prefix="/apis")
_FIELDS = {"name", "context", "version", "production", "sandbox"}
EMPTY = ApiDraft("", "", "", "", "")


@router.get("/import")
def ask_for_definition(request: Request, context: RequestContext) -> Response:
    """Show the form that creates an API from a definition."""
    return render(request, "apis/import.html", context=context, draft=EMPTY, errors={}, definition=None, parts=())


@router.post("/import/preview")
def preview(request: Request, context: RequestContext, file: UploadFile | None = None) -> Response:
    """Show the values that the definition suggests, to change before the API is created."""
    errors: dict[str, str] = {}
    definition, draft, parts = None, EMPTY, definitions.NOTHING_UNUSED
    try:
        definition = _read_definition(file)
        draft, parts = definitions.fill_draft(definition, EMPTY)
    except Refusal as error:
        errors = _explain(error)
    return render(
        request,
        "apis/_from_definition.html",
        context=context,
        draft=draft,
        errors=errors,
        definition=definition,
        parts=parts,
    )


@router.post("/import")
def import_definition(
    request: Request,
    context: RequestContext,
    name: Annotated[str, Form()] = "",
    path: Annotated[str, Form(alias="context")] = "",
    version: Annotated[str, Form()] = "",
    endpoint: Annotated[str, Form()] = "",
    sandbox: Annotated[str, Form()] = "",
    file: UploadFile | None = None,
) -> Response:
    """Create an API from a definition; what is left empty comes from there."""
    context.user.require(Permission.CHANGE_APIS)
    own_draft = ApiDraft(name, path, version, endpoint.strip() or None, sandbox.strip() or None)
    definition = None
    try:
        definition = _read_definition(file)
        api = definitions.import_definition(context, definition, own_draft).full_api.api
    except Refusal as error:
        errors = _explain(error)
    else:
        return notices.redirect(request, f"/apis/{api.id}", "api-created", f"{api.name} {api.version}")
    return render(
        request,
        "apis/import.html",
        context=context,
        status=422,
        draft=replace(own_draft, production=endpoint, sandbox=sandbox),
        errors=errors,
        definition=definition,
        parts=(),
    )


@router.get("/{api_id}/definition")
def show(request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str) -> Response:
    """Show the operations of an API."""
    full_api = apis.get_full_api(context, api_id)
    text = definitions.get_definition(context, api_id, list(runtime.gateways.values()))
    return render(
        request,
        "api/definition.html",
        context=context,
        api=full_api.api,
        page="definition",
        operations=full_api.operations,
        size=len(text.encode()),
    )


@router.get("/{api_id}/definition/download")
def download(runtime: CurrentRuntime, context: RequestContext, api_id: str) -> Response:
    """Download the definition as JSON."""
    api = apis.get_api(context, api_id)
    text = definitions.get_definition(context, api_id, list(runtime.gateways.values()))
    # Versions and IDs are letters, digits and . _ -; names can have any letters.
    headers = {"Content-Disposition": f'attachment; filename="openapi-{api.version}-{api.id[:8]}.json"'}
    return Response(text, media_type="application/json", headers=headers)


@router.get("/{api_id}/definition/replace")
def ask_to_replace(request: Request, context: RequestContext, api_id: str) -> Response:
    """Show the form that replaces the definition."""
    return _ask(request, context, apis.get_api(context, api_id))


@router.post("/{api_id}/definition/replace")
def replace_definition(
    request: Request, runtime: CurrentRuntime, context: RequestContext, api_id: str, file: UploadFile | None = None
) -> Response:
    """Replace the definition, and with it the operations."""
    context.user.require(Permission.CHANGE_APIS)
    api = apis.get_api(context, api_id)
    try:
        _put(runtime, context, api, file)
    except Refusal as error:
        return _ask(request, context, api, {"file": str(error)})
    return notices.redirect(request, f"/apis/{api_id}/definition", "definition-saved", f"{api.name} {api.version}")


def _put(runtime: Runtime, context: Context, api: Api, file: UploadFile | None) -> None:
    definitions.put_definition(context, api.id, _read_bytes(file), list(runtime.gateways.values()))


def _ask(request: Request, context: Context, api: Api, errors: dict[str, str] | None = None) -> Response:
    return dialog.show(
        request,
        context,
        "api/_replace_definition.html",
        title="Replace definition",
        fields=("file",),
        errors=errors,
        api=api,
        page="definition",
    )


def _explain(error: Refusal) -> dict[str, str]:
    """Return the errors by field of the form; those about anything else are about the file."""
    errors = error.map_to_fields("file")
    of_form = {field: text for field, text in errors.items() if field in _FIELDS}
    others = " ".join(text for field, text in errors.items() if field not in _FIELDS)
    return of_form | ({"file": others} if others else {})


def _read_definition(file: UploadFile | None) -> Definition:
    return read_definition(_read_bytes(file))


def _read_bytes(file: UploadFile | None) -> bytes:
    data = file.file.read(MAX_BYTES + 1) if file else b""
    if not data:
        raise InvalidField("file", "Choose an OpenAPI file in JSON or YAML.")
    return data
