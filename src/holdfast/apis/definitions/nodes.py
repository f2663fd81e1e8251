"""
Read YAML into nodes with line numbers. Only scalars, lists and mappings are built, with bounded work.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_TAG_DIRECTIVES = 100  # libyaml compares each with all earlier ones
# libyaml is ten times as fast; without it, PyYAML reads the same more slowly.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"


class InvalidYaml(ValueError):
    """The text isn't valid YAML, or contains something unsupported; *line* counts from one."""

    def __init__(self, line: int, text: str) -> None:
        self.line = line
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a document: nesting, and nodes and characters with all aliases expanded."""

    depth: int
    nodes: int
    characters: int
    allows_references: bool = False  # aliases, merge keys (`<<`), and the tags of the core schema


@dataclass(slots=True)
class Scalar:
    """
    A text; *is_plain* if it has no quotes, so that it may be a number, a boolean or null.

    *tag* is the name of its tag in the core schema, such as "int", or empty.
    """

    line: int
    text: str
    is_plain: bool
    tag: str = ""


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """
    Values by key, with the *lines* of the keys; *merged* is the value of its merge key (`<<`), if it has one.
    """

    line: int
    entries: dict[str, "Node"] = field(default_factory=dict)
    merged: "Node | None" = None
    lines: dict[str, int] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


def read_nodes(data: bytes, bounds: Bounds) -> Node:
    """
    Read one YAML document; an empty one is an empty mapping.

    Raises:
        InvalidYaml: It isn't YAML, has more than one document, exceeds *bounds*, or uses references that *bounds*
            doesn't allow.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidYaml(data[: error.start].count(b"\n") + 1, "It isn't UTF-8. Save it as UTF-8.") from error
    if text.count("%TAG") > MAX_TAG_DIRECTIVES:
        raise InvalidYaml(1, f"It has more than {MAX_TAG_DIRECTIVES} %TAG directives. Remove them.")
    try:
        return _Builder(bounds).build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InvalidYaml(mark.line + 1 if mark else 1, f"Invalid YAML: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise InvalidYaml(1, "Invalid YAML: it contains a character that isn't text.") from error


@dataclass(slots=True)
class _OpenNode:
    """A collection being read: who receives its parts, how much was read before it, and its depth so far."""

    node: Sequence | Mapping
    add: Callable[[Node], None]
    anchor: str | None
    nodes: int
    characters: int
    height: int = 1


@dataclass(frozen=True, slots=True)
class _AnchoredNode:
    """The node of an anchor, and its expanded size."""

    node: Node
    nodes: int
    characters: int
    height: int


class _Builder:
    """Builds nodes from parser events without recursion; the parser doesn't recurse either."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._root: Node | None = None
        self._open: list[_OpenNode] = []
        self._anchored: dict[str, _AnchoredNode] = {}
        self._nodes = 0
        self._characters = 0

    def build(self, events: Any) -> Node:
        for event in events:
            line = event.start_mark.line + 1
            match event:
                case yaml.AliasEvent():
                    self._follow(event.anchor, line)
                case yaml.DocumentStartEvent() if self._root is not None:
                    raise InvalidYaml(line, "A second document begins. Put it in a separate file.")
                case yaml.ScalarEvent():
                    tag = "str" if event.tag == "!" else self._read_tag(event, line)
                    scalar = Scalar(line, event.value, not event.style, tag)
                    self._add(scalar, 1, len(event.value))
                    self._remember(event.anchor, _AnchoredNode(scalar, 1, len(event.value), 0))
                case yaml.SequenceStartEvent():
                    self._check_tag(event, line, "seq")
                    sequence = Sequence(line)
                    self._enter(sequence, sequence.items.append, event.anchor)
                case yaml.MappingStartEvent():
                    self._check_tag(event, line, "map")
                    mapping = Mapping(line)
                    self._enter(mapping, _Entries(mapping, self._bounds), event.anchor)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._leave()
        return self._root or Mapping(1)

    def _add(self, node: Node, nodes: int, characters: int) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > self._bounds.nodes or self._characters > self._bounds.characters:
            raise InvalidYaml(node.line, self._describe_limits())
        if self._open:
            self._open[-1].add(node)
        else:
            self._root = node

    def _describe_limits(self) -> str:
        limit = f"{self._bounds.nodes:,} values or {self._bounds.characters:,} characters"
        return f"It has more than {limit}, with aliases expanded. Split it."

    def _enter(self, node: Sequence | Mapping, add: Callable[[Node], None], anchor: str | None) -> None:
        self._check_depth(node.line, 1)
        nodes, characters = self._nodes, self._characters
        self._add(node, 1, 0)
        if anchor:
            self._anchored.pop(anchor, None)  # until it ends, the anchor names an incomplete node
        self._open.append(_OpenNode(node, add, anchor, nodes, characters))

    def _leave(self) -> None:
        closed_node = self._open.pop()
        if self._open:
            self._open[-1].height = max(self._open[-1].height, closed_node.height + 1)
        nodes, characters = self._nodes - closed_node.nodes, self._characters - closed_node.characters
        self._remember(closed_node.anchor, _AnchoredNode(closed_node.node, nodes, characters, closed_node.height))

    def _remember(self, anchor: str | None, value: _AnchoredNode) -> None:
        if anchor:
            self._anchored[anchor] = value

    def _follow(self, alias: str | None, line: int) -> None:
        anchor = alias or ""
        if not self._bounds.allows_references:
            raise InvalidYaml(line, f"*{anchor[:60]} is an alias. Aliases aren't supported: write the value out.")
        if any(node.anchor == anchor for node in self._open) and anchor not in self._anchored:
            raise InvalidYaml(line, f"*{anchor[:60]} refers to itself. Write the value out.")
        if anchor not in self._anchored:
            raise InvalidYaml(line, f"*{anchor[:60]} is an alias, but there is no such anchor before it.")
        anchored_node = self._anchored[anchor]
        self._check_depth(line, anchored_node.height)
        if self._open:
            self._open[-1].height = max(self._open[-1].height, anchored_node.height + 1)
        self._add(anchored_node.node, anchored_node.nodes, anchored_node.characters)

    def _check_depth(self, line: int, height: int) -> None:
        if len(self._open) + height > self._bounds.depth:
            raise InvalidYaml(line, f"It is nested more than {self._bounds.depth} levels deep. Flatten it.")

    def _read_tag(self, event: Any, line: int) -> str:
        tag: str = event.tag or ""
        if tag and not (self._bounds.allows_references and tag.startswith(_CORE)):
            raise InvalidYaml(line, f"{tag[:60]} is a tag. Tags aren't supported: remove it.")
        return tag.removeprefix(_CORE)

    def _check_tag(self, event: Any, line: int, only: str) -> None:
        if self._read_tag(event, line) not in {"", only}:
            raise InvalidYaml(line, f"{event.tag[:60]} is a tag. Tags aren't supported: remove it.")


class _Entries:
    """Receives keys and values alternately."""

    def __init__(self, mapping: Mapping, bounds: Bounds) -> None:
        self._mapping = mapping
        self._bounds = bounds
        self._name: Scalar | None = None

    def __call__(self, node: Node) -> None:
        if self._name is not None:
            if self._is_merge(self._name):
                self._mapping.merged = node
            else:
                self._mapping.entries[self._name.text] = node
                self._mapping.lines[self._name.text] = self._name.line
            self._name = None
        elif not isinstance(node, Scalar):
            raise InvalidYaml(node.line, "A key must be text, not a list or a mapping.")
        elif node.text in self._mapping.entries or (self._is_merge(node) and self._mapping.merged):
            raise InvalidYaml(node.line, f"{node.text[:60]} occurs twice. Remove one.")
        else:
            self._name = node

    def _is_merge(self, name: Scalar) -> bool:
        return name.text == "<<" and name.is_plain and self._bounds.allows_references
