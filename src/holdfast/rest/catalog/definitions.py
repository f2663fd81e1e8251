"""
OpenAPI definitions: of an API, to create an API from, and their validation.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import File, Form, Query, Response, UploadFile
from pydantic import ValidationError

from holdfast.apis.definitions.documents import MAX_BYTES, read_document
from holdfast.apis.definitions.openapi import read_definition
from holdfast.apis.definitions.servers import IneffectivePart
from holdfast.apis.errors import InvalidDefinition, InvalidField, InvalidFields, UnreadableDocument
from holdfast.rest.authentication import CurrentRuntime, RequestContext
from holdfast.rest.catalog.api_body import ImportAnswer, ImportBody
from holdfast.rest.catalog.apis import answer_created
from holdfast.rest.catalog.endpoint_config import rename_fields
from holdfast.rest.catalog.responses import UnusedPart, ValidatedDefinition
from holdfast.rest.conditions import IfMatch, IfNoneMatch, quote_tag
from holdfast.rest.errors import PREFIX, build_body_error
from holdfast.rest.router import Router
from holdfast.services.catalog import definitions
from holdfast.services.catalog.prototypes import load_definition
from holdfast.services.credentials.sealing import seal_drafts
from holdfast.services.versions import make_text_tag

router = Router(prefix=f"{PREFIX}/apis", tags=["APIs"])
TextOrFile = UploadFile | str
Definition = Annotated[UploadFile | None, File(description="The definition, in JSON or YAML.")]
Inline = Annotated[str, Form(alias="inlineAPIDefinition", description="The definition as text, instead of the file.")]
Address = Annotated[str, Form(description="Not supported: Holdfast doesn't fetch URLs. Send the file.")]


@router.post("/import-openapi", status_code=201, responses={201: {"model": ImportAnswer}})
def import_openapi(
    runtime: CurrentRuntime,
    context: RequestContext,
    response: Response,
    file: Definition = None,
    url: Address = "",
    inline: Inline = "",
    additional_properties: Annotated[
        TextOrFile,
        File(alias="additionalProperties", description="Members of the API, as JSON. They override the definition."),
    ] = "",
) -> dict[str, Any]:
    """
    Create an API from a definition.

    Name, version, context and endpoints come from `additionalProperties`, or from the definition if they are left out.
    `unusedInDefinition` lists the servers and endpoints of the definition that have no effect.
    """
    body = _read_properties(additional_properties)
    definition = read_definition(_read_data(file, inline, url))
    try:
        draft = body.to_draft(seal_drafts(context, runtime.sealing, body.securities))
        result = definitions.import_definition(context, definition, draft)
    except InvalidFields as error:
        raise rename_fields(error) from error
    answer = answer_created(context, result.full_api, response)
    parts = _write_unused(result.unused_servers)
    return answer | {"unusedInDefinition": parts} if parts else answer


@router.post("/validate-openapi", tags=["Validation"])
def validate_openapi(
    context: RequestContext,
    file: Definition = None,
    url: Address = "",
    inline: Inline = "",
    return_content: Annotated[bool, Query(alias="returnContent", description="Return the definition, too.")] = False,
) -> ValidatedDefinition:
    """
    Validate a definition.

    Returns whether the definition is valid, and what it describes. Nothing is stored.
    """
    del context
    data = _read_data(file, inline, url)
    try:
        definition = read_definition(data)
    except InvalidDefinition as error:
        return {"isValid": False, "errors": [{"code": "definition", "message": problem} for problem in error.problems]}
    result: ValidatedDefinition = {
        "isValid": True,
        "info": {
            "name": definition.name,
            "version": definition.version,
            "context": definition.context,
            "description": definition.description,
            "openAPIVersion": definition.openapi,
            "endpoints": list(definition.servers.production),
        },
        "errors": [],
    }
    if parts := _write_unused(definitions.list_unused_servers(definition)):
        result["unusedInDefinition"] = parts
    if return_content:
        result["content"] = data.decode("utf-8-sig")
    return result


@router.get("/{api_id}/swagger")
def get_swagger(runtime: CurrentRuntime, context: RequestContext, api_id: str, unless: IfNoneMatch) -> dict[str, Any]:
    """
    Get the definition of an API.

    Returns the stored definition as JSON, or one that is generated from the API's operations.
    """
    text = definitions.get_definition(context, api_id, list(runtime.gateways.values()))
    unless.send_tag(make_text_tag(text))
    return load_definition(text)


@router.put("/{api_id}/swagger")
def put_swagger(
    runtime: CurrentRuntime,
    context: RequestContext,
    api_id: str,
    expected: IfMatch,
    response: Response,
    definition: Annotated[TextOrFile, File(alias="apiDefinition", description="The definition, in JSON or YAML.")] = "",
    file: Definition = None,
    url: Address = "",
) -> dict[str, Any]:
    """
    Replace the definition of an API.

    Replaces the operations of the API by those of the definition, too. Endpoints stay. `x-holdfast-unused` in the
    response lists the servers and endpoints of the definition that have no effect; it isn't stored.
    """
    data, gateways = _read_data(file, definition, url), list(runtime.gateways.values())
    result = definitions.put_definition(context, api_id, data, gateways, expected)
    response.headers["ETag"] = quote_tag(make_text_tag(result.text))
    document, parts = load_definition(result.text), _write_unused(result.unused_servers)
    return document | {definitions.UNUSED: parts} if parts else document


def _write_unused(parts: Iterable[IneffectivePart]) -> list[UnusedPart]:
    return [{"what": part.what, "why": part.why} for part in parts]


def _read_data(file: UploadFile | None, text: TextOrFile, url: str) -> bytes:
    if url:
        raise InvalidField("url", "Holdfast doesn't fetch URLs. Download the definition and send it as a file.")
    if file is not None and text:
        raise InvalidField("file", "The definition was sent twice. Send it either as a file or as text.")
    if file is not None:
        return _read_bytes(file)
    data = _read_bytes(text)
    if not data:
        raise InvalidField("file", "The definition is missing. Send it as a file in JSON or YAML.")
    return data


def _read_bytes(content: TextOrFile) -> bytes:
    return content.encode(errors="surrogatepass") if isinstance(content, str) else content.file.read(MAX_BYTES + 1)


def _read_properties(content: TextOrFile) -> ImportBody:
    data = _read_bytes(content)
    try:
        return ImportBody.model_validate(read_document(data) if data.strip() else {})
    except UnreadableDocument as error:
        raise InvalidField("additionalProperties", f"additionalProperties can't be read. {error}") from error
    except ValidationError as error:
        raise build_body_error(error, "additionalProperties") from error
