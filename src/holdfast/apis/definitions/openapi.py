"""
API definitions: OpenAPI 3.0, 3.1 and 3.2, and Swagger 2.0.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import unquote

from holdfast.apis.definitions.definition_errors import MAX_ERRORS, find_errors
from holdfast.apis.definitions.documents import read_document
from holdfast.apis.definitions.schema_errors import MAX_MESSAGE
from holdfast.apis.definitions.servers import Servers, read_servers
from holdfast.apis.errors import InvalidDefinition, UnreadableDocument

VERBS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_WITHOUT_PATCH = ("3.0", "3.1", "3.2")
_VERSION = re.compile(r"3\.(0\.\d|[12]\.\d+)(-.+)?")
_DATA = frozenset({"example", "examples", "default", "enum", "const"})  # their values contain no references


@dataclass(frozen=True, slots=True)
class Operation:
    """A path below the API, and a method in upper case."""

    target: str
    verb: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A valid definition; *content* is all of it as plain values."""

    openapi: str  # the version of the specification
    name: str
    version: str
    description: str
    context: str  # the base path that it asks for, or empty
    servers: Servers
    operations: tuple[Operation, ...]
    content: dict[str, Any]


def read_definition(data: bytes) -> Definition:
    """
    Read a definition from JSON or YAML.

    Raises:
        InvalidDefinition: It can't be read, or violates its specification.
    """
    try:
        content = read_document(data)
    except UnreadableDocument as error:
        raise InvalidDefinition([str(error)]) from error
    return parse_definition(content)


def parse_definition(content: Any) -> Definition:
    """Validate and read a definition from plain values. Raises InvalidDefinition."""
    version = _read_specification(content)
    short = "2.0" if version == "2.0" else version[:3]
    if problems := find_errors(short, content) or list(islice(_find_dangling(content), MAX_ERRORS)):
        raise InvalidDefinition(problems)
    return Definition(
        openapi=version,
        name=content["info"]["title"],
        version=content["info"]["version"],
        description=content["info"].get("description", ""),
        context=_read_context(content),
        servers=read_servers(content),
        operations=tuple(list_operations(content.get("paths", {}))),
        content=content,
    )


def make_definition(
    name: str, version: str, description: str, operations: Iterable[Operation], servers: Sequence[str]
) -> dict[str, Any]:
    """Make the definition of an API that has none: OpenAPI 3.0.1, with nothing but its operations."""
    paths: dict[str, Any] = {}
    for operation in operations:
        names = [part[1:-1] for part in operation.target.split("/") if part.startswith("{") and part.endswith("}")]
        parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
        operation_members: dict[str, Any] = {"responses": {"200": {"description": "OK"}}}
        if parameters:
            operation_members["parameters"] = parameters
        if operation.verb.lower() in VERBS:
            paths.setdefault(operation.target, {})[operation.verb.lower()] = operation_members
    info = {"title": name, "version": version} | ({"description": description} if description else {})
    return {"openapi": "3.0.1", "info": info, "servers": [{"url": server} for server in servers], "paths": paths}


def _read_specification(content: Any) -> str:
    """Return the specification's version; a missing third number is set to 0 in *content*."""
    specification = content if isinstance(content, dict) else {}
    version = specification.get("openapi", specification.get("swagger"))
    version_text = str(version)  # YAML reads an unquoted 2.0 as a number
    if "swagger" in specification and version_text == "2.0":
        specification["swagger"] = "2.0"
        return "2.0"
    if "openapi" in specification and version_text in _WITHOUT_PATCH:
        specification["openapi"] = f"{version_text}.0"
        return f"{version_text}.0"
    if isinstance(version, str) and "openapi" in specification and _VERSION.fullmatch(version):
        return version
    if version is None:
        raise InvalidDefinition(["It isn't an API definition: it has neither 'openapi' nor 'swagger'."])
    which, use = "OpenAPI" if "openapi" in specification else "Swagger", "Use Swagger 2.0 or OpenAPI 3.0, 3.1 or 3.2"
    if not isinstance(version, str | int | float) or version_text.startswith(tuple(f"{v}." for v in _WITHOUT_PATCH)):
        example = repr(version[:20]) if isinstance(version, str) else "this"
        raise InvalidDefinition([f"{which.lower()}: {example} isn't a version. {use}, for example 3.0.3."])
    raise InvalidDefinition([f"{which} {version_text[:20]} isn't supported. {use}, for example 3.0.3."])


def _find_dangling(content: dict[str, Any]) -> Iterable[str]:
    """Yield an error for each reference to a missing part of the definition."""
    rest: list[Any] = [content]
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest += value
        elif isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/") and not _resolves(content, reference):
                yield f"{reference[:MAX_MESSAGE]} is referenced but missing."
            rest += [part for key, part in value.items() if key not in _DATA]


def _resolves(content: Any, reference: str) -> bool:
    """Return whether the JSON pointer (RFC 6901) in a reference's fragment leads to a value."""
    for token in unquote(reference[2:]).split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(content, dict) and name in content:
            content = content[name]
        elif isinstance(content, list) and name.isdecimal() and int(name[:9]) < len(content):
            content = content[int(name[:9])]
        else:
            return False
    return True


def _read_context(content: dict[str, Any]) -> str:
    """Return the base path from WSO2's extension or from Swagger, without the version."""
    base_path = content.get("x-wso2-basePath", content.get("basePath", ""))
    version: str = content["info"]["version"]
    return (
        base_path.rstrip("/").removesuffix("/{version}").removesuffix(f"/{version}")
        if isinstance(base_path, str)
        else ""
    )


def list_operations(paths: Mapping[str, Any]) -> Iterable[Operation]:
    """Yield the operations of the member `paths` of a definition, in its order."""
    for target, item in paths.items():
        if target.startswith("/") and isinstance(item, dict):
            yield from (Operation(target, verb.upper()) for verb in VERBS if verb in item)
            yield from (Operation(target, verb) for verb in item.get("additionalOperations") or ())
