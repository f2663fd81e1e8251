"""
YAML -> nodes that know their lines. Nothing is built but text, lists and mappings, and not much of that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_DEPTH = 8
MAX_NODES = 1_000_000
# libyaml is a hundred times as fast; where it is missing, the same is read slowly.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(ValueError):
    """The text cannot be read as YAML, or holds what is not read; *line* counts from one."""

    def __init__(self, line: int, text: str) -> None:
        self.line = line
        super().__init__(text)


@dataclass(slots=True)
class Scalar:
    """A text; *is_plain* where it is written without quotes, so that it may stand for nothing, yes or no."""

    line: int
    text: str
    is_plain: bool

    @property
    def is_null(self) -> bool:
        """Whether it stands for nothing."""
        return self.is_plain and self.text in {"", "~", "null", "Null", "NULL"}


@dataclass(slots=True)
class Sequence:
    """A list."""

    line: int
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """Names, each once, with what they name."""

    line: int
    entries: dict[str, "Node"] = field(default_factory=dict)


Node = Scalar | Sequence | Mapping


def read_nodes(data: bytes) -> Node:
    """
    Read one YAML document.

    Raises:
        Unreadable: It is no YAML, more than one document, too deep or too large, or it has aliases or tags: with these,
            a few bytes can stand for gigabytes or for something else than text.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(data[: error.start].count(b"\n") + 1, "It is no UTF-8 text. Save it as UTF-8.") from error
    try:
        return _Builder().build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(mark.line + 1 if mark else 1, f"It is no YAML: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise Unreadable(1, "It is no YAML: it holds a character that is no text.") from error


class _Builder:
    """Puts nodes together from the events of a parser; the parser recurses no more than it does."""

    def __init__(self) -> None:
        self._root: Node | None = None
        self._open: list[Callable[[Node], None]] = []
        self._count = 0

    def build(self, events: Any) -> Node:
        for event in events:
            line = event.start_mark.line + 1
            match event:
                case yaml.AliasEvent():
                    raise Unreadable(line, f"*{event.anchor} is an alias, and these are not read. Write it out.")
                case yaml.DocumentStartEvent() if self._root is not None:
                    raise Unreadable(line, "A second document begins. Write it into a file of its own.")
                case yaml.ScalarEvent():
                    _refuse_tag(event, line)
                    self._add(Scalar(line, event.value, not event.style))
                case yaml.SequenceStartEvent():
                    _refuse_tag(event, line)
                    sequence = Sequence(line)
                    self._add(sequence)
                    self._enter(sequence.items.append, line)
                case yaml.MappingStartEvent():
                    _refuse_tag(event, line)
                    mapping = Mapping(line)
                    self._add(mapping)
                    self._enter(_Entries(mapping), line)
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    self._open.pop()
        return self._root or Mapping(1)

    def _add(self, node: Node) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise Unreadable(node.line, f"It has more than {MAX_NODES} values. Divide it.")
        if self._open:
            self._open[-1](node)
        else:
            self._root = node

    def _enter(self, add: Callable[[Node], None], line: int) -> None:
        if len(self._open) == MAX_DEPTH:
            raise Unreadable(line, f"It is nested more than {MAX_DEPTH} deep, and nothing here is.")
        self._open.append(add)


class _Entries:
    """Takes names and what they name in turns."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._name: str | None = None

    def __call__(self, node: Node) -> None:
        if self._name is not None:
            self._mapping.entries[self._name] = node
            self._name = None
        elif not isinstance(node, Scalar):
            raise Unreadable(node.line, "A name is a word, not a list or a mapping.")
        elif node.text in self._mapping.entries:
            raise Unreadable(node.line, f"{node.text[:60]} is there twice. Leave one out.")
        else:
            self._name = node.text


def _refuse_tag(event: Any, line: int) -> None:
    if event.tag:
        raise Unreadable(line, f"{event.tag[:60]} is a tag, and these are not read. Leave it out.")
