"""
Responses of prototypes: what an API's definition gives as examples, operation by operation.

Where there is no example, one is made from the schema, as tools that show definitions do: `"string"`, 0, true.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from holdfast.apis.definitions.openapi import Operation, list_operations

MAX_BODY, MAX_BODIES = 32 * 1024, 256 * 1024  # bytes, of one response and of all of an API
_MAX_DEPTH, _MAX_REFERENCES = 12, 20
# How many members of objects count for all operations; reading them takes half a second. A definition that refers to
# one large schema in many places is otherwise hours of work.
MAX_MEMBERS = 250_000
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w.+-]+=[\w.+-]+)*", re.ASCII)
_JSON = "application/json"
_NOTHING = object()
_BY_FORMAT = {
    "date": "2000-01-01",
    "date-time": "2000-01-01T00:00:00Z",
    "email": "user@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com",
    "uuid": "00000000-0000-0000-0000-000000000000",
}
_BY_TYPE: dict[str, Any] = {"string": "string", "integer": 0, "number": 0, "boolean": True}


class MocksTooLarge(ValueError):
    """
    The examples of a definition are larger than MAX_BODY or, up to *operation*, larger than MAX_BODIES.

    Or the schemas for them have more than MAX_MEMBERS members.
    """

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation)
        self.operation = operation


@dataclass(frozen=True, slots=True)
class MockResponse:
    """A response that gateways give instead of a backend; without a *media_type*, there is no *body*."""

    operation: Operation
    status: int
    media_type: str = ""
    body: str = ""
    is_example: bool = False  # from the definition; otherwise made from the schema


def list_mock_responses(content: Mapping[str, Any]) -> tuple[MockResponse, ...]:
    """
    Return a response for each operation of a valid definition, in its order.

    Raises MocksTooLarge.
    """
    responses, size, reader = [], 0, _Reader(content)
    for operation, description in _describe_operations(content):
        try:
            response = reader.read(operation, description)
        except _TooLarge as error:
            raise MocksTooLarge(operation) from error
        size += len(response.body.encode())
        if size > MAX_BODIES:
            raise MocksTooLarge(operation)
        responses.append(response)
    return tuple(responses)


def _describe_operations(content: Mapping[str, Any]) -> Iterator[tuple[Operation, Mapping[str, Any]]]:
    paths = content.get("paths", {})
    for operation in list_operations(paths):
        item = paths[operation.target]
        additional = item.get("additionalOperations") or {}
        description = item.get(operation.verb.lower()) or additional.get(operation.verb)
        yield operation, description if isinstance(description, dict) else {}


class _TooLarge(ValueError):
    """An operation's example is larger than MAX_BODY, or MAX_MEMBERS was exceeded."""


class _Reader:
    """Reads the operations of a definition, following references within it."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content
        self._members_left = MAX_MEMBERS
        self._references = 0  # followed for the operation

    def read(self, operation: Operation, description: Mapping[str, Any]) -> MockResponse:
        """Return the response to *operation*. Raises _TooLarge."""
        self._references = 0
        status, response = _choose_response(self._read_members(description.get("responses")))
        response = self._read_members(response)
        media = self._read_members(response.get("content"))
        if media:
            media_type = _choose_media_type(media)
            value, is_example = self._sample_media(self._read_members(media[media_type]))
        else:  # Swagger 2.0
            examples = self._read_members(response.get("examples"))
            media_types = description.get("produces") or self._content.get("produces") or []
            media_type = _choose_media_type(examples or dict.fromkeys(map(str, media_types)) or {_JSON: None})
            value, is_example = examples.get(media_type, _NOTHING), True
            if value is _NOTHING:
                value, is_example = self._sample_schema(response.get("schema"))
        if value is _NOTHING or status in {204, 205, 304}:
            return MockResponse(operation, status)
        # A range, such as */*, and what isn't a media type can't be the value of a header.
        content_type = media_type if _MEDIA_TYPE.fullmatch(media_type) else _JSON
        return MockResponse(operation, status, content_type, _write(value, content_type), is_example)

    def _sample_media(self, media: Mapping[str, Any]) -> tuple[Any, bool]:
        if "example" in media:
            return media["example"], True
        for example in self._read_members(media.get("examples")).values():
            members = self._read_members(example)
            for member in ("value", "dataValue", "serializedValue"):
                if member in members:
                    return members[member], True
        return self._sample_schema(media.get("schema"))

    def _sample_schema(self, schema: Any, depth: int = 0) -> tuple[Any, bool]:
        """Return an example of a schema, and whether its author wrote all of it."""
        schema = self._read_members(schema)
        if not schema or depth > _MAX_DEPTH:
            return _NOTHING, False
        for member in ("example", "const", "default"):
            if member in schema:
                return schema[member], True
        for member in ("examples", "enum"):
            values = schema.get(member)
            if isinstance(values, list) and values:
                return values[0], True
        for member in ("oneOf", "anyOf"):
            choices = schema.get(member)
            if isinstance(choices, list) and choices:
                return self._sample_schema(choices[0], depth + 1)
        all_of = schema.get("allOf")
        if parts := [part for part in all_of if isinstance(part, dict)] if isinstance(all_of, list) else []:
            own = {name: value for name, value in schema.items() if name != "allOf"}
            return _merge([self._sample_schema(part, depth + 1) for part in (*parts, own)])
        return self._sample_type(schema, depth)

    def _sample_type(self, schema: Mapping[str, Any], depth: int) -> tuple[Any, bool]:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((name for name in kind if name != "null"), "null")
        properties = self._read_members(schema.get("properties"))
        if properties or kind == "object":
            samples = {name: self._sample_schema(part, depth + 1) for name, part in properties.items()}
            values = {name: value for name, (value, _) in samples.items() if value is not _NOTHING}
            return values, bool(values) and all(is_example for _, is_example in samples.values())
        if kind == "array" or "items" in schema:
            value, is_example = self._sample_schema(schema.get("items"), depth + 1)
            return ([] if value is _NOTHING else [value]), is_example
        if kind == "null":
            return None, False
        if not isinstance(kind, str) or kind not in _BY_TYPE:
            return _NOTHING, False
        text = _BY_FORMAT.get(str(schema.get("format"))) if kind == "string" else None
        return text or schema.get("minimum", _BY_TYPE[kind]), False

    def _read_members(self, value: Any) -> Mapping[str, Any]:
        """Return the members of an object, which may be behind references; empty for anything else."""
        while isinstance(value, dict) and isinstance(reference := value.get("$ref"), str):
            self._references += 1
            if not reference.startswith("#/") or self._references > _MAX_REFERENCES * (_MAX_DEPTH + 1):
                return {}
            self._count(len(reference))
            value = _resolve(self._content, reference)
        members = value if isinstance(value, dict) else {}
        self._count(1 + len(members))
        return members

    def _count(self, members: int) -> None:
        self._members_left -= members
        if self._members_left < 0:
            raise _TooLarge


def _resolve(content: Any, reference: str) -> Any:
    for token in unquote(reference[2:]).split("/"):
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(content, dict):
            content = content.get(name)
        elif isinstance(content, list) and name.isdecimal() and int(name[:9]) < len(content):
            content = content[int(name[:9])]
        else:
            return None
    return content


def _choose_response(responses: Mapping[str, Any]) -> tuple[int, Any]:
    """Return the status and the description of the response that says that all went well."""
    names_by_status = {name.upper().replace("X", "0"): name for name in responses if name.startswith("2")}
    if not names_by_status:
        return 200, responses.get("default")
    first = min(names_by_status)
    return int(first), responses[names_by_status[first]]


def _choose_media_type(media: Mapping[str, Any]) -> str:
    """Return the media type to answer with: JSON, if there is one."""
    return next((name for name in media if _is_json(name)), next(iter(media)))


def _is_json(media_type: str) -> bool:
    name = media_type.partition(";")[0].strip().lower()
    return name == _JSON or name.endswith("+json")


def _write(value: Any, media_type: str) -> str:
    """Return *value* as the body of a response. Raises _TooLarge, before much more than that is written."""
    is_text = isinstance(value, str) and not _is_json(media_type)
    parts, size = [], 0
    for part in [value] if is_text else json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value):
        parts.append(part)
        size += len(part.encode())
        if size > MAX_BODY:
            raise _TooLarge
    return "".join(parts)


def _merge(samples: list[tuple[Any, bool]]) -> tuple[Any, bool]:
    known_samples = [(value, is_example) for value, is_example in samples if value is not _NOTHING and value != {}]
    objects = [value for value, _ in known_samples if isinstance(value, dict)]
    if not objects:
        return known_samples[0] if known_samples else (_NOTHING, False)
    merged_members: dict[str, Any] = {}
    for members in objects:
        merged_members |= members
    return merged_members, all(is_example for _, is_example in known_samples)
