"""
Validate definitions against the JSON Schemas of OpenAPI with bounded work.

schema_errors.py writes the error messages.
"""

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any

import jsonschema_rs

from holdfast.apis.definitions.schema_errors import explain

MAX_ERRORS = 20
# The library checks validity quickly, but creates all errors before it returns the first, which took minutes for 2 MB.
# So errors are requested for at most this many values (measured: 0.5 s).
MAX_VALUES = 4_000
# Sections that may be empty, and whose members are validated independently.
_SECTIONS = ("paths", "webhooks", "definitions", "parameters", "responses", "securityDefinitions", "tags", "servers")


def find_errors(version: str, content: Any) -> list[str]:
    """
    Return the errors in a definition of the specification *version* (such as 3.0), as sentences; empty if it is valid.

    At most 20 are returned. If the definition has more than 4,000 values, they are limited to one invalid member of one
    section.
    """
    validator = _make_validator(version)
    if validator.is_valid(content):
        return []
    if _has_more_values(content, MAX_VALUES):
        content = _narrow(validator, content)
        if _has_more_values(content, MAX_VALUES):
            where = next((f"{name}/{key}: it" for name, section in _list_sections(content) for key in section), "It")
            return [f"{where} violates the specification, and is too large to say where. Validate it in parts."]
    errors = islice(validator.iter_errors(content), 2 * MAX_ERRORS)
    return list(islice(dict.fromkeys(explain(errors)), MAX_ERRORS))


@cache
def _make_validator(version: str) -> jsonschema_rs.Validator:
    schema = (files("holdfast.apis.definitions") / "schemas" / f"openapi-{version}.json").read_text("utf-8")
    return jsonschema_rs.validator_for(json.loads(schema))


def _has_more_values(content: Any, maximum: int) -> bool:
    rest, count = [content], 0
    while rest and count <= maximum:
        value = rest.pop()
        count += 1
        if isinstance(value, dict | list):
            rest += value.values() if isinstance(value, dict) else value
    return count > maximum


def _narrow(validator: jsonschema_rs.Validator, content: dict[str, Any]) -> dict[str, Any]:
    """Empty each section unless the definition then becomes valid; in that case, keep one invalid member."""
    for name, section in _list_sections(content):
        members = [*section.items()] if isinstance(section, dict) else [*section]
        if not validator.is_valid(_replace_section(content, name, section, [])):
            members = []
        while len(members) > 1:
            half = members[: len(members) // 2]
            is_wrong = not validator.is_valid(_replace_section(content, name, section, half))
            members = half if is_wrong else members[len(half) :]
        content = _replace_section(content, name, section, members)
    return content


def _list_sections(content: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    sections = [(name, content.get(name)) for name in _SECTIONS]
    components = content.get("components")
    if isinstance(components, dict):
        sections += [(f"components/{name}", section) for name, section in components.items()]
    return [(name, section) for name, section in sections if isinstance(section, dict | list)]


def _replace_section(content: dict[str, Any], name: str, section: Any, members: list[Any]) -> dict[str, Any]:
    """Return *content* with *members* as the members of the section *name*."""
    value = dict(members) if isinstance(section, dict) else members
    top, _, inner = name.partition("/")
    return content | {top: content[top] | {inner: value} if inner else value}
