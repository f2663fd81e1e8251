"""
What this door says about itself: OpenAPI 3.1, with errors and security schemes of every operation.
"""

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from holdfast.rest.prefixes import OTHERS, PREFIX

URL = "/openapi.json"
_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "An error: the members of WSO2's publisher, and beside them those of RFC 9457.",
    "type": "object",
    "required": ["code", "message", "description", "moreInfo", "error", "type", "title", "status", "detail"],
    "properties": {
        "code": {"type": "integer", "description": "The status code."},
        "message": {"type": "string", "description": "A short phrase."},
        "description": {"type": "string", "description": "What happened and what to do."},
        "moreInfo": {"type": "string"},
        "error": {
            "type": "array",
            "description": "What is wrong, by field.",
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "type": {"type": "string", "description": "A name of the kind of error that does not change."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string", "description": "Of an unexpected error (500): its ID in the log."},
    },
}
_SECURITY_SCHEMES = {
    "basic": {"type": "http", "scheme": "basic"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "A personal token, or one of the token endpoint."},
    "session": {"type": "apiKey", "in": "cookie", "name": "holdfast_session", "description": "Of a signed-in browser."},
}
_ALWAYS = {"400": "A value cannot be used.", "401": "Nobody signed in.", "403": "Not allowed."}
_WITH_PATH = {"404": "There is no such thing in this organization."}
_WITH_BODY = {"409": "A value is taken.", "413": "The body is too large.", "415": "The body came as something else."}
_WITH_MATCH = {"412": "It was changed since it was read."}


def operation_id(route: APIRoute) -> str:
    """Give the name that generated clients call an operation by: that of its function."""
    is_second = route.methods == {"HEAD"}  # of a function that answers POST, too
    return f"head_{route.name}" if is_second else route.name


def install(door: FastAPI) -> None:
    """Make *door* describe itself at URL and below PREFIX."""

    def describe() -> dict[str, Any]:
        if not door.openapi_schema:
            door.openapi_schema = _write_document(door)
        return door.openapi_schema

    # As FastAPI's documentation says: what `openapi` is replaced by is what it serves.
    door.openapi = describe  # type: ignore[method-assign]
    door.add_api_route(
        f"{PREFIX}{URL}", lambda: JSONResponse(describe()), methods=["GET"], include_in_schema=False, name="openapi"
    )


def _write_document(door: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title="Holdfast",
        version=version("holdfast"),
        summary="An API publisher and gateway that verifies every backend's certificate.",
        description=f"The same operations are answered under {' and '.join(OTHERS)}.",
        routes=door.routes,
    )
    document["security"] = [{name: []} for name in _SECURITY_SCHEMES]
    components = document.setdefault("components", {})
    components["securitySchemes"] = _SECURITY_SCHEMES
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM_SCHEMA
    for schema in schemas.values():
        _mark_files(schema)
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete(operation)
    return document


def _mark_files(schema: dict[str, Any]) -> None:
    """Say of uploads, in the words of OpenAPI 3.0 too, that they are files: generators of clients look for these."""
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
        responses["304"] = {"description": "It is as the caller knows it."}
    for status, description in errors.items():
        responses.setdefault(status, _error(description))
    responses["default"] = _error("Any other error.")


def _error(description: str) -> dict[str, Any]:
    kinds = ("application/json", "application/problem+json")
    return {"description": description, "content": {kind: {"schema": _PROBLEM} for kind in kinds}}
