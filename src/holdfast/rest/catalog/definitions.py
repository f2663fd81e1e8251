"""
Definitions in OpenAPI: of an API, as the beginning of one, and whether they are valid.
"""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Response, UploadFile
from pydantic import ValidationError

from holdfast.apis.definitions.documents import MAX_BYTES, read_document
from holdfast.apis.definitions.openapi import read_definition
from holdfast.apis.definitions.servers import Unused
from holdfast.apis.errors import InvalidDefinition, InvalidField, InvalidFields, UnreadableDocument
from holdfast.rest.access.authentication import CurrentRuntime, RequestContext
from holdfast.rest.catalog.api_body import ImportAnswer, ImportBody, in_rest_words
from holdfast.rest.catalog.apis import answer_created
from holdfast.rest.catalog.responses import UnusedPart, ValidatedDefinition
from holdfast.rest.conditions import IfMatch, IfNoneMatch, quote_tag
from holdfast.rest.errors import PREFIX, invalid_body
from holdfast.services.catalog import definitions
from holdfast.services.versions import make_text_tag

router = APIRouter(prefix=f"{PREFIX}/apis", tags=["APIs"])
TextOrFile = UploadFile | str
Definition = Annotated[UploadFile | None, File(description="The definition, in JSON or YAML.")]
Address = Annotated[str, Form(description="Not offered: Holdfast fetches nothing. Send the file.")]


@router.post("/import-openapi", status_code=201, responses={201: {"model": ImportAnswer}})
def import_openapi(
    context: RequestContext,
    response: Response,
    file: Definition = None,
    url: Address = "",
    additional_properties: Annotated[
        TextOrFile, File(alias="additionalProperties", description="Members of the API, as JSON.")
    ] = "",
) -> dict[str, Any]:
    """
    Create an API of a definition; name, version, context and endpoints may be said in additionalProperties.

    `unusedInDefinition` of the answer says which of its servers and endpoints have no effect.
    """
    body = _read_properties(additional_properties)
    definition = read_definition(_read_data(file, "", url))
    try:
        imported = definitions.import_definition(context, definition, body.draft())
    except InvalidFields as error:
        raise in_rest_words(error) from error
    answer = answer_created(context, imported.described, response)
    unused = _write_unused(imported.unused)
    return answer | {"unusedInDefinition": unused} if unused else answer


@router.post("/validate-openapi", tags=["Validation"])
def validate_openapi(
    context: RequestContext,
    file: Definition = None,
    url: Address = "",
    return_content: Annotated[bool, Query(alias="returnContent", description="Send the definition back.")] = False,
) -> ValidatedDefinition:
    """Say whether a definition is valid, and what it describes."""
    del context
    data = _read_data(file, "", url)
    try:
        definition = read_definition(data)
    except InvalidDefinition as error:
        return {"isValid": False, "errors": [{"code": "definition", "message": problem} for problem in error.problems]}
    validated: ValidatedDefinition = {
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
    if unused := _write_unused(definitions.list_unused_servers(definition)):
        validated["unusedInDefinition"] = unused
    if return_content:
        validated["content"] = data.decode("utf-8-sig")
    return validated


@router.get("/{api_id}/swagger")
def get_swagger(runtime: CurrentRuntime, context: RequestContext, api_id: str, unless: IfNoneMatch) -> dict[str, Any]:
    """Get the definition of an API: the one that was put, else one that is made of its operations."""
    text = definitions.get_definition(context, api_id, list(runtime.gateways.values()))
    unless.known(make_text_tag(text))
    return definitions.load_definition(text)


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
    Keep a definition for an API; the operations of the API are then those of the definition.

    `x-holdfast-unused` of the answer says which of its servers and endpoints have no effect; it is not kept.
    """
    data, gateways = _read_data(file, definition, url), list(runtime.gateways.values())
    kept = definitions.put_definition(context, api_id, data, gateways, expected)
    response.headers["ETag"] = quote_tag(make_text_tag(kept.text))
    definition_as_kept, unused = definitions.load_definition(kept.text), _write_unused(kept.unused)
    return definition_as_kept | {definitions.UNUSED: unused} if unused else definition_as_kept


def _write_unused(unused: Iterable[Unused]) -> list[UnusedPart]:
    return [{"what": part.what, "why": part.why} for part in unused]


def _read_data(file: UploadFile | None, text: TextOrFile, url: str) -> bytes:
    if url:
        raise InvalidField("url", "Holdfast fetches nothing from addresses. Download the definition and send the file.")
    if file is not None:
        return _read_bytes(file)
    data = _read_bytes(text)
    if not data:
        raise InvalidField("file", "The definition is missing. Send it as a file, in JSON or YAML.")
    return data


def _read_bytes(sent: TextOrFile) -> bytes:
    return sent.encode(errors="surrogatepass") if isinstance(sent, str) else sent.file.read(MAX_BYTES + 1)


def _read_properties(sent: TextOrFile) -> ImportBody:
    data = _read_bytes(sent)
    try:
        return ImportBody.model_validate(read_document(data) if data.strip() else {})
    except UnreadableDocument as error:
        raise InvalidField("additionalProperties", f"additionalProperties cannot be read. {error}") from error
    except ValidationError as error:
        raise invalid_body(error, "additionalProperties") from error
