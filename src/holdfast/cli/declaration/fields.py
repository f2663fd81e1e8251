"""
Reads the fields of a YAML mapping, and collects problems with file, line and field.
"""

from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from holdfast.apis.definitions.core_schema import is_null, read_boolean
from holdfast.apis.definitions.nodes import Mapping, Node, Scalar, Sequence
from holdfast.apis.errors import InvalidField, InvalidFields
from holdfast.cli.declaration.format import FieldKind, Section
from holdfast.cli.declaration.variables import expand
from holdfast.cli.failures import WrongFile
from holdfast.refusals import Refusal

T = TypeVar("T")
MAX_PROBLEMS = 50
NOTHING: Map[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file."""

    file: str
    line: int
    field: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}" if self.field else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Source:
    """A file: its name in messages, the folder that paths in it are relative to, and the values of variables."""

    file: str
    folder: Path = Path()
    variables: Map[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A field of a mapping: its value, the file that it is from, and its place."""

    node: Node
    source: Source
    place: Place


class InvalidFiles(WrongFile):
    """Files are invalid, or can't be applied; *lines* are the problems."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__("Nothing was changed.\n" + "\n".join(f"  {line}" for line in lines))


@dataclass(slots=True)
class Problems:
    """Problems, to be reported together."""

    lines: list[str] = field(default_factory=list)

    def add(self, place: Place, text: str) -> None:
        """Add a problem at *place*."""
        self.lines.append(f"{place}: {text}")

    def finish(self) -> None:
        """Raise InvalidFiles if there are problems."""
        if self.lines:
            more = len(self.lines) - MAX_PROBLEMS
            raise InvalidFiles([*self.lines[:MAX_PROBLEMS], *([f"and {more} more."] if more > 0 else [])])


class Fields:
    """A mapping that is read field by field. A null field counts as missing."""

    def __init__(self, node: Node, source: Source, name: str, section: Section, problems: Problems) -> None:
        self._name = name
        self._source = source
        self._section = section
        self._problems = problems
        self._is_mapping = isinstance(node, Mapping)
        self._read: set[str] = set()
        self.place = Place(source.file, node.line, name)
        self.parts: dict[str, Part] = {}
        if isinstance(node, Mapping):
            for field_name, value in node.entries.items():
                place = self._build_place(field_name, node.lines[field_name])
                self.parts[field_name] = Part(value, source, place)
        else:
            self.reject("", "Expected a mapping.")

    def read_text(self, name: str) -> str | None:
        """Read a text, in which variables are expanded. A number is the text as written."""
        scalar = self._read_scalar(name)
        return scalar.text if scalar else None

    def read_value(self, name: str, check: Callable[[str], T], *, optional: bool = False) -> T | None:
        """Read a text and return the result of *check*; None if it is missing or invalid."""
        count = len(self._problems.lines)
        text = self.read_text(name)
        if text is not None:
            return self.check(name, lambda: check(text))
        if not optional and self._is_mapping and count == len(self._problems.lines):
            self.reject(name, "This field is required.")
        return None

    def read_flag(self, name: str, *, otherwise: T) -> bool | T:
        """Read true or false; return *otherwise* if it is missing or invalid."""
        scalar = self._read_scalar(name)
        if scalar is None:
            return otherwise
        flag = read_boolean(scalar)
        if flag is None:
            self.reject(name, "Use true or false.")
            return otherwise
        return flag

    def read_texts(self, name: str) -> list[str]:
        """Read a list of texts."""
        part = self._take(name)
        if part is None:
            return []
        items = part.node.items if isinstance(part.node, Sequence) else [part.node]
        if not isinstance(part.node, Sequence) or not all(isinstance(item, Scalar) for item in items):
            self.reject(name, "Expected a list of texts.")
        scalars = [self._expand(name, item, part.source) for item in items if isinstance(item, Scalar)]
        return [scalar.text for scalar in scalars if scalar]

    def read_mapping(self, name: str) -> "Fields | None":
        """Read a mapping; None if it is missing."""
        part = self._take(name)
        if part is None:
            return None
        return Fields(part.node, part.source, self._build_path(name), self._section.get_section(name), self._problems)

    def read_mappings(self, name: str) -> "list[Fields] | None":
        """Read a list of mappings; None if it is missing."""
        part = self._take(name)
        if part is None:
            return None
        if not isinstance(part.node, Sequence):
            self.reject(name, "Expected a list.")
            return []
        section, path = self._section.get_section(name), self._build_path(name)
        return [
            Fields(item, part.source, f"{path}[{n}]", section, self._problems) for n, item in enumerate(part.node.items)
        ]

    def find_key(self) -> tuple[str, ...] | None:
        """Return the fields that identify the entry, in lower case, without reading them; None if one is missing."""
        nodes = [part.node for name in self._section.key if (part := self.parts.get(name))]
        scalars = [node for node in nodes if isinstance(node, Scalar) and not is_null(node)]
        if len(scalars) < len(self._section.key):
            return None
        try:
            return tuple(expand(scalar.text, self._source.variables).lower() for scalar in scalars)
        except InvalidField:
            return None

    def patch(self, other: "Fields") -> None:
        """Replace fields by those of *other*, an entry of an overlay; its null fields are removed."""
        self.parts |= other.parts

    def find_folder(self, name: str) -> Path:
        """Return the folder that a path in the field *name* is relative to."""
        return self.parts[name].source.folder

    def check(self, name: str, check: Callable[[], T], names: Map[str, str] = NOTHING) -> T | None:
        """
        Return the result of *check*; add its errors as problems of the field *name*.

        Errors that name a field become problems of that field, or of the field that *names* maps it to.
        """
        try:
            return check()
        except InvalidFields as error:
            for problem in error.errors:
                self.reject(names.get(problem.field, problem.field), str(problem))
        except (Refusal, WrongFile) as error:
            self.reject(name, str(error))
        return None

    def reject(self, name: str, text: str) -> None:
        """Add a problem of the field *name*; an empty name is the mapping itself."""
        part = self.parts.get(name)
        place = part.place if part else self._build_place(name, self.place.line) if name else self.place
        self._problems.add(place, text)

    def find_place(self, *names: str) -> Place:
        """Return the place of the first of the fields *names* that exists, or else of the mapping."""
        return next((self.parts[name].place for name in names if name in self.parts), self.place)

    def finish(self) -> None:
        """Add a problem for each unread field."""
        for name in self.parts:
            if name not in self._read:
                self.reject(name, f"Unknown field. Valid fields: {self._section.listing}.")

    def _take(self, name: str) -> Part | None:
        """Return a field that the section has; None if it is null or missing."""
        self._section.get_field(name)
        self._read.add(name)
        part = self.parts.get(name)
        return None if part is None or (isinstance(part.node, Scalar) and is_null(part.node)) else part

    def _read_scalar(self, name: str) -> Scalar | None:
        part = self._take(name)
        if part is None:
            return None
        if not isinstance(part.node, Scalar):
            self.reject(name, "Expected text.")
            return None
        scalar = self._expand(name, part.node, part.source)
        return None if scalar is None or is_null(scalar) else scalar

    def _expand(self, name: str, scalar: Scalar, source: Source) -> Scalar | None:
        """Expand the variables in a value, except in content such as PEM; None if that is impossible."""
        if self._section.get_field(name).kind is FieldKind.CONTENT:
            return scalar
        text = self.check(name, lambda: expand(scalar.text, source.variables))
        if text is None:
            return None
        # In `{a: "${A}"}`, YAML needs the quotes: they don't say that the value is text.
        return Scalar(scalar.line, text, scalar.is_plain or text != scalar.text, scalar.tag)

    def _build_path(self, name: str) -> str:
        return f"{self._name}.{name}" if self._name else name

    def _build_place(self, name: str, line: int) -> Place:
        return Place(self._source.file, line, self._build_path(name)[:200])
