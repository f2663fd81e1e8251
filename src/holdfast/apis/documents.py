"""
JSON and YAML that others wrote, as plain values: how large, how deep and how often repeated is bounded.
"""

import json
from typing import Any

import yaml

from holdfast.apis.errors import UnreadableDocument

MAX_BYTES = 2 * 1024 * 1024
MAX_SIZE = 2 * MAX_BYTES  # characters and nodes, with every alias of YAML written out
MAX_DEPTH = 100
MAX_NODES = 100_000  # of YAML, which is read a hundred times more slowly than JSON
_NOT_TEXT = "It holds characters that are no text. Leave these out."


def read_document(data: bytes) -> Any:
    """
    Read JSON or YAML 1.1 into dicts with text keys, lists, texts, numbers, booleans and None.

    Raises:
        UnreadableDocument: It is neither, too large, too deep, or grows too much when its aliases are followed.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableDocument(f"It is larger than {MAX_BYTES // 1024} KiB. Make it smaller.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableDocument("It is not in UTF-8. Save it in UTF-8.") from error
    if not text.strip():
        raise UnreadableDocument("It is empty.")
    value = _read_json(text) if text.lstrip()[0] in "{[" else None
    if value is None:
        value = _read_yaml(text)
    check_values(value)
    return value


def check_values(value: Any, max_depth: int = MAX_DEPTH) -> None:
    """Raise UnreadableDocument for what is too deep, or cannot be written as JSON in UTF-8 without null characters."""
    rest = [(value, 1)]
    while rest:
        each, depth = rest.pop()
        if depth > max_depth:
            raise UnreadableDocument(f"It is nested more than {max_depth} deep. Make it flatter.")
        if isinstance(each, dict):
            rest += [(part, depth + 1) for pair in each.items() for part in pair]
        elif isinstance(each, list):
            rest += [(part, depth + 1) for part in each]
        elif isinstance(each, str) and ("\0" in each or not _is_text(each)):
            raise UnreadableDocument(_NOT_TEXT)
        elif isinstance(each, float) and each - each != 0:
            raise UnreadableDocument("It holds a number that is infinite or none. JSON has no such numbers.")


def write_json(value: Any) -> str:
    """Write a value in one way only, so that equal values are equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def write_yaml(value: Any) -> str:
    """Write a value as YAML, its members in their order."""
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)
    return text


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text) if not text.isascii() else True


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # YAML says better what is wrong, and a flow mapping of YAML begins like JSON


def _read_yaml(text: str) -> Any:
    try:
        _check_nesting(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            _check_growth(node)
            return _plain(loader.construct_document(node))
        finally:
            loader.dispose()
    except UnreadableDocument:
        raise
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        what = error.problem or "something is wrong"
        raise UnreadableDocument(f"It is neither JSON nor YAML: {what}{where}.") from error
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, AttributeError) as error:
        raise UnreadableDocument("It is neither JSON nor YAML.") from error


def _check_nesting(text: str) -> None:
    # The parser that builds nodes calls itself for each level, in C: so look at the events first.
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if count > MAX_NODES:
            raise UnreadableDocument(f"It holds more than {MAX_NODES:,} values, too many for YAML. Send it as JSON.")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise UnreadableDocument(f"It is nested more than {MAX_DEPTH} deep. Make it flatter.")


def _check_growth(node: yaml.Node | None) -> None:
    """Add up what *node* holds with every alias written out, each shared node counted once for each use."""
    sizes: dict[int, int] = {}
    inside: set[int] = set()

    def size(each: yaml.Node) -> int:
        if isinstance(each, yaml.ScalarNode):
            return len(each.value) + 1
        if id(each) in inside:
            raise UnreadableDocument("It refers to itself by an alias. Write it out.")
        if id(each) not in sizes:
            inside.add(id(each))
            pairs = each.value if isinstance(each, yaml.MappingNode) else [each.value]
            sizes[id(each)] = 1 + sum(size(part) for pair in pairs for part in pair)
            inside.discard(id(each))
        if sizes[id(each)] > MAX_SIZE:
            raise UnreadableDocument("It grows too large when its aliases are followed. Write it with fewer.")
        return sizes[id(each)]

    if node is not None:
        size(node)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {_key(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise UnreadableDocument(f"It holds a value that JSON does not have: {type(value).__name__}.")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if key is None or isinstance(key, str | int | float):
        return "null" if key is None else str(key)
    raise UnreadableDocument("It has keys that are no texts.")


class _Loader(yaml.CSafeLoader):
    """Reads what JSON has; a date stays the text that it was."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.CSafeDumper):
    """Writes no aliases: people read this."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        del data
        return True
