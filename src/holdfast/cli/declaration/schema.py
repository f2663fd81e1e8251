"""
The JSON schema of configuration files, for editors and checks in a pipeline.
"""

from typing import Any

from holdfast.cli.declaration.format import DOCUMENT, Field, FieldKind, Section

DIALECT = "http://json-schema.org/draft-07/schema#"  # the newest that all editors know
# YAML readers turn 1.10 into a number; Holdfast reads values as they are written.
_SCALAR = ["string", "number", "boolean"]
_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def describe_format() -> dict[str, Any]:
    """Return the JSON schema of a file, draft 7."""
    return {"$schema": DIALECT, "title": "Holdfast configuration", **_describe_section(DOCUMENT)}


def _describe_section(section: Section) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {field.name: {"description": field.about} | _describe_value(field) for field in section.fields},
    }
    if names := [field.name for field in section.fields if field.is_required]:
        schema["required"] = names
    rules: list[dict[str, Any]] = [{"not": _require_fields(*pair)} for pair in section.either]
    rules += [{"anyOf": [_require_fields(name) for name in pair]} for pair in section.needed]
    return schema | ({"allOf": rules} if rules else {})


def _require_fields(*names: str) -> dict[str, Any]:
    """Return the schema of mappings in which these fields aren't null."""
    return {"properties": {name: {"not": {"type": "null"}} for name in names}, "required": list(names)}


def _describe_value(field: Field) -> dict[str, Any]:
    nothing = [] if field.is_required else ["null"]
    match field.kind:
        case FieldKind.MAPPING if field.section:
            return {"anyOf": [_describe_section(field.section), {"type": "null"}]}
        case FieldKind.MAPPINGS if field.section:
            return {"anyOf": [{"type": "array", "items": _describe_section(field.section)}, {"type": "null"}]}
        case FieldKind.TEXTS:
            return {"type": ["array", "null"], "items": {"type": [*_SCALAR, "null"]}}
        case FieldKind.FLAG:
            return {"anyOf": [{"type": ["boolean", "null"]}, _VARIABLE]}
    if field.choices:
        numbers = [float(choice) if "." in choice else int(choice) for choice in field.choices if choice[0].isdigit()]
        return {"anyOf": [{"enum": [*field.choices, *numbers, *([None] if nothing else [])]}, _VARIABLE]}
    value: dict[str, Any] = {"type": [*_SCALAR, *nothing]}
    if field.longest:
        value["anyOf"] = [{"maxLength": field.longest}, _VARIABLE]
    return value
