"""
Definitions of APIs: OpenAPI 3.0 and 3.1, Swagger 2.0.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import unquote

from holdfast.apis.definition_errors import MAX_ERRORS, MAX_MESSAGE, find_errors
from holdfast.apis.documents import read_document
from holdfast.apis.errors import InvalidDefinition, UnreadableDocument

VERBS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MAX_ENDPOINTS = 50
MAX_URL = 2_048  # characters of the address of a server
_VARIABLE = re.compile(r"\{([^{}]*)\}")
_DATA = frozenset({"example", "examples", "default", "enum", "const"})  # what stands there refers to nothing


@dataclass(frozen=True, slots=True)
class Operation:
    """A path below the API and a method, in capitals."""

    target: str
    verb: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A definition that is valid; *content* is all of it, as plain values."""

    openapi: str  # the version of the specification
    name: str
    version: str
    description: str
    context: str  # where it wants to be published, empty when it does not say
    endpoints: tuple[str, ...]  # the absolute http and https addresses of its servers
    operations: tuple[Operation, ...]
    content: dict[str, Any]


def read_definition(data: bytes) -> Definition:
    """
    Read a definition from JSON or YAML.

    Raises:
        InvalidDefinition: It cannot be read, or is not as its specification demands.
    """
    try:
        content = read_document(data)
    except UnreadableDocument as error:
        raise InvalidDefinition([str(error)]) from error
    return parse_definition(content)


def parse_definition(content: Any) -> Definition:
    """Judge and read a definition from plain values. Raises InvalidDefinition."""
    version = _specification(content)
    short = "2.0" if version == "2.0" else version[:3]
    if problems := find_errors(short, content) or list(islice(_dangling(content), MAX_ERRORS)):
        raise InvalidDefinition(problems)
    servers = _servers_of_swagger(content) if short == "2.0" else _servers(content.get("servers", []))
    absolute = [server for server in servers if server.startswith(("http://", "https://"))]
    return Definition(
        openapi=version,
        name=content["info"]["title"],
        version=content["info"]["version"],
        description=content["info"].get("description", ""),
        context=_context(content),
        endpoints=tuple(dict.fromkeys(absolute)),
        operations=tuple(_operations(content.get("paths", {}))),
        content=content,
    )


def make_definition(
    name: str, version: str, description: str, operations: Iterable[Operation], servers: Sequence[str]
) -> dict[str, Any]:
    """Make the definition of an API that has none: OpenAPI 3.0.1, with nothing but its operations."""
    paths: dict[str, Any] = {}
    for each in operations:
        names = [part[1:-1] for part in each.target.split("/") if part.startswith("{") and part.endswith("}")]
        parameters = [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]
        described: dict[str, Any] = {"responses": {"200": {"description": "OK"}}}
        if parameters:
            described["parameters"] = parameters
        if each.verb.lower() in VERBS:
            paths.setdefault(each.target, {})[each.verb.lower()] = described
    info = {"title": name, "version": version} | ({"description": description} if description else {})
    return {"openapi": "3.0.1", "info": info, "servers": [{"url": server} for server in servers], "paths": paths}


def _specification(content: Any) -> str:
    found = content if isinstance(content, dict) else {}
    version = found.get("openapi", found.get("swagger"))
    # YAML reads an unquoted 2.0 as a number.
    if "swagger" in found and version in {"2.0", 2.0}:
        found["swagger"] = "2.0"
        return "2.0"
    if isinstance(version, str) and "openapi" in found and version.startswith(("3.0.", "3.1.")):
        return version
    if version is None:
        raise InvalidDefinition(["It is no definition of an API: it has neither 'openapi' nor 'swagger'."])
    raise InvalidDefinition([f"OpenAPI {str(version)[:20]} is not read. Use Swagger 2.0, OpenAPI 3.0 or OpenAPI 3.1."])


def _dangling(content: dict[str, Any]) -> Iterable[str]:
    """Name the references into the definition itself that lead nowhere."""
    rest: list[Any] = [content]
    while rest:
        each = rest.pop()
        if isinstance(each, list):
            rest += each
        elif isinstance(each, dict):
            reference = each.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/") and not _resolves(content, reference):
                yield f"{reference[:MAX_MESSAGE]} is referred to and not there."
            rest += [part for key, part in each.items() if key not in _DATA]


def _resolves(content: Any, reference: str) -> bool:
    """Follow a JSON pointer (RFC 6901) in the fragment of a reference."""
    for token in unquote(reference[2:]).split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(content, dict) and name in content:
            content = content[name]
        elif isinstance(content, list) and name.isdecimal() and int(name[:9]) < len(content):
            content = content[int(name[:9])]
        else:
            return False
    return True


def _servers(servers: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    for server in servers[:MAX_ENDPOINTS]:
        url, variables = server["url"][:MAX_URL], server.get("variables", {})
        # In one pass: what a value says is no variable, or a few of them could stand for gigabytes.
        url = _VARIABLE.sub(lambda found, known=variables: _default(known, found), url)  # type: ignore[misc]
        found.append(url[:MAX_URL])
    return found


def _default(variables: Mapping[str, Any], found: re.Match[str]) -> str:
    variable = variables.get(found[1])
    return str(variable.get("default", ""))[:MAX_URL] if variable else found[0]


def _servers_of_swagger(content: dict[str, Any]) -> list[str]:
    base = content.get("basePath", "")
    if "host" not in content:
        return [base] if base else []
    return [f"{scheme}://{content['host']}{base}" for scheme in content.get("schemes", ["https"])]


def _context(content: dict[str, Any]) -> str:
    """Read the base path of Swagger, or what the described system writes instead."""
    wanted = content.get("x-wso2-basePath", content.get("basePath", ""))
    version: str = content["info"]["version"]
    return wanted.rstrip("/").removesuffix("/{version}").removesuffix(f"/{version}") if isinstance(wanted, str) else ""


def _operations(paths: Mapping[str, Any]) -> Iterable[Operation]:
    for target, item in paths.items():
        if target.startswith("/") and isinstance(item, dict):
            yield from (Operation(target, verb.upper()) for verb in VERBS if verb in item)
