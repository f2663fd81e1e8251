"""
`/openapi.json`: OpenAPI 3.1, with the errors and security schemes of every operation.

The first line of a handler's docstring is the summary of its operation, the rest its description.
"""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from holdfast.rest.prefixes import OTHERS, PREFIX
from holdfast.rest.reference import MEMBERS, PARAMETERS, TAGS

URL = "/openapi.json"
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "An error, with the members of WSO2's publisher and those of RFC 9457.",
    "type": "object",
    "required": ["code", "message", "description", "moreInfo", "error", "type", "title", "status", "detail"],
    "properties": {
        "code": {"type": "integer", "description": "The status code."},
        "message": {"type": "string", "description": "A short phrase."},
        "description": {"type": "string", "description": "What happened, and what to do."},
        "moreInfo": {"type": "string"},
        "error": {
            "type": "array",
            "description": "The errors by field: `code` is the name of the field.",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "type": {"type": "string", "description": "The kind of error, a stable name to test for."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string", "description": "After an unexpected error (500): its request ID in the log."},
    },
}
_SECURITY_SCHEMES = {
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A personal token, or an access token from `/oauth2/token`.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "holdfast_session",
        "description": "The session of a browser that is signed in.",
    },
}
_ALWAYS = {
    "400": "A value is invalid.",
    "401": "Credentials are missing or invalid.",
    "403": "Your roles or the token's scopes don't allow this.",
}
_WITH_PATH = {"404": "Not found in your organization."}
_WITH_BODY = {
    "409": "A value conflicts with an existing object.",
    "413": "The body is too large.",
    "415": "The media type of the body isn't supported.",
}
_WITH_MATCH = {"412": "The object has changed since you read it."}


def install(door: FastAPI) -> None:
    """Serve the description at URL and below PREFIX."""

    def describe() -> dict[str, Any]:
        if not door.openapi_schema:
            door.openapi_schema = _write_document(door)
        return door.openapi_schema

    # FastAPI's documented way to extend the description ("Extending OpenAPI").
    door.openapi = describe  # type: ignore[method-assign]
    door.add_api_route(
        f"{PREFIX}{URL}", lambda: JSONResponse(describe()), methods=["GET"], include_in_schema=False, name="openapi"
    )


def _write_document(door: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Holdfast",
        version=version("holdfast-gateway"),
        summary="An API publisher and gateway that verifies every backend's certificate.",
        description=f"{', '.join(f'`{prefix}`' for prefix in OTHERS)} serve the same operations as `{PREFIX}`.",
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        routes=door.routes,
    )
    document["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SECURITY_SCHEMES
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM_SCHEMA
    for name, schema in schemas.items():
        _mark_files(schema)
        _describe_members(name, schema)
    for operations in document["paths"].values():
        for operation in operations.values():
            _describe(operation)
            _complete(operation)
    return document


def _describe_members(schema_name: str, schema: dict[str, Any]) -> None:
    if "description" in schema:
        schema["description"] = _unwrap(schema["description"])
    for name, member in schema.get("properties", {}).items():
        # A member that refers to another schema has the description there; client generators expect only the reference.
        text = MEMBERS.get(f"{schema_name}.{name}") or MEMBERS.get(name)
        if text and "$ref" not in member:
            member.setdefault("description", text)


def _describe(operation: dict[str, Any]) -> None:
    summary, _, description = operation.pop("description").partition("\n\n")
    operation["summary"] = _unwrap(summary).removesuffix(".")
    if description:
        operation["description"] = _unwrap(description)
    for parameter in operation.get("parameters", []):
        if text := PARAMETERS.get(parameter["name"]):
            parameter.setdefault("description", text)


def _unwrap(text: str) -> str:
    """Join the lines of each paragraph."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _mark_files(schema: dict[str, Any]) -> None:
    """Mark uploads as files in the way of OpenAPI 3.0, too, which client generators look for."""
    for member in schema.get("properties", {}).values():
        for kind in (member, *member.get("anyOf", ())):
            if kind.get("contentMediaType"):
                kind["format"] = "binary"


def _complete(operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    responses.pop("422", None)
    parameters = operation.get("parameters", [])
    headers = {parameter["name"] for parameter in parameters if parameter["in"] == "header"}
    errors = dict(_ALWAYS)
    if any(parameter["in"] in {"path", "query"} for parameter in parameters):
        errors |= _WITH_PATH
    if "requestBody" in operation:
        errors |= _WITH_BODY
    if "If-Match" in headers:
        errors |= _WITH_MATCH
    if "If-None-Match" in headers:
        responses["304"] = {"description": "The object is unchanged."}
    for status, description in errors.items():
        responses.setdefault(status, _describe_error(description))
    responses["default"] = _describe_error("Any other error.")


def _describe_error(description: str) -> dict[str, Any]:
    kinds = ("application/json", "application/problem+json")
    return {"description": description, "content": {kind: {"schema": _PROBLEM} for kind in kinds}}
