"""
Read untrusted JSON and YAML into plain values, with limits on size, nesting and alias expansion.
"""

import json
import re
from typing import Any

import yaml

from holdfast.apis.definitions.core_schema import FLOAT, OF_BASE, read_scalar
from holdfast.apis.definitions.nodes import (
    Bounds,
    InvalidYaml,
    Mapping,
    Node,
    Scalar,
    Sequence,
    read_nodes,
)
from holdfast.apis.errors import UnreadableDocument

MAX_BYTES = 2 * 1024 * 1024
MAX_SIZE = 2 * MAX_BYTES  # characters, with YAML aliases expanded
MAX_DEPTH = 100
MAX_NODES = 100_000  # of YAML, which takes a hundred times as long to read as JSON
_BOUNDS = Bounds(MAX_DEPTH, MAX_NODES, MAX_SIZE, allows_references=True)
_NOT_TEXT = "It contains characters that aren't text. Remove them."


def read_document(data: bytes) -> Any:
    """
    Read JSON, or YAML by the core schema of YAML 1.2, into dicts, lists, strings, numbers, booleans and None.

    Keys in YAML are always strings: `200` is "200" and `1.10` is "1.10".

    Raises:
        UnreadableDocument: It is neither JSON nor YAML, too large, too deep, or too large with aliases expanded.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableDocument(f"It is larger than {MAX_BYTES // 1024} KiB. Make it smaller.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDocument("It isn't UTF-8. Save it as UTF-8.") from error
    if not text.strip():
        raise UnreadableDocument("It is empty.")
    value = _read_json(text) if text.lstrip()[0] in "{[" else None
    if value is None:
        value = _read_yaml(data)
    check_values(value)
    return value


def check_values(value: Any, max_depth: int = MAX_DEPTH) -> None:
    """Raise UnreadableDocument if *value* is too deep, or can't be JSON in UTF-8 without null characters."""
    rest = [(value, 1)]
    while rest:
        part, depth = rest.pop()
        if depth > max_depth:
            raise UnreadableDocument(f"It is nested more than {max_depth} levels deep. Flatten it.")
        if isinstance(part, dict):
            rest += [(member, depth + 1) for pair in part.items() for member in pair]
        elif isinstance(part, list):
            rest += [(element, depth + 1) for element in part]
        elif isinstance(part, str) and ("\0" in part or not _is_text(part)):
            raise UnreadableDocument(_NOT_TEXT)
        elif isinstance(part, float) and part - part != 0:
            raise UnreadableDocument("It contains an infinite number or NaN, which JSON doesn't support.")


def write_json(value: Any) -> str:
    """Return *value* as canonical JSON: equal values give equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def write_yaml(value: Any) -> str:
    """Return *value* as YAML, keeping the order of members."""
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)
    return text


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else True


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # YAML errors are clearer, and a YAML flow mapping begins like JSON


def _read_yaml(data: bytes) -> Any:
    try:
        return _read_value(read_nodes(data, _BOUNDS))
    except InvalidYaml as error:
        raise UnreadableDocument(f"It can't be read as JSON or YAML. Line {error.line}: {error}") from error


def _read_value(node: Node) -> Any:
    match node:
        case Scalar():
            return read_scalar(node)
        case Sequence():
            return [_read_value(item) for item in node.items]
        case Mapping():
            return _read_merged_values(node) | {name: _read_value(entry) for name, entry in node.entries.items()}


def _read_merged_values(node: Mapping) -> dict[str, Any]:
    """Return the values that a mapping merges with its merge key; of several mappings, the first wins."""
    merge_values = node.merged.items if isinstance(node.merged, Sequence) else [node.merged] if node.merged else []
    values: dict[str, Any] = {}
    for mapping in reversed(merge_values):
        if not isinstance(mapping, Mapping):
            raise InvalidYaml(mapping.line, "<< can only merge mappings. Write the value out.")
        values |= _read_value(mapping)
    return values


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # PyYAML has no types
    """Writes no aliases, for readability."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return True, so that no aliases are written."""
        del data
        return True


# Quote texts that YAML 1.1 or YAML 1.2 would read as something else.
for _tag, _pattern in (("int", OF_BASE), ("float", FLOAT)):
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern.pattern})$"), list("-+.0123456789")
    )
