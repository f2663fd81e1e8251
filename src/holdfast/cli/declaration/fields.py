"""
Reads the fields of a YAML mapping, and collects problems with file, line and field.
"""

from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from holdfast.apis.definitions.core_schema import is_null, read_boolean
from holdfast.apis.definitions.nodes import Mapping, Node, Scalar, Sequence
from holdfast.apis.errors import InvalidFields
from holdfast.cli.failures import WrongFile
from holdfast.refusals import Refusal

T = TypeVar("T")
MAX_PROBLEMS = 50
NO_NAMES: Map[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file."""

    file: str
    line: int
    field: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}" if self.field else f"{self.file}:{self.line}"


@dataclass(slots=True)
class Problems:
    """Problems, to be reported together."""

    lines: list[str] = field(default_factory=list)

    def add(self, place: Place, text: str) -> None:
        """Add a problem at *place*."""
        self.lines.append(f"{place}: {text}")

    def finish(self) -> None:
        """Raise WrongFile if there are problems."""
        if self.lines:
            more = len(self.lines) - MAX_PROBLEMS
            lines = [*self.lines[:MAX_PROBLEMS], *([f"and {more} more."] if more > 0 else [])]
            raise WrongFile("Nothing was changed.\n" + "\n".join(f"  {line}" for line in lines))


class Fields:
    """A mapping that is read field by field. A null field counts as missing."""

    def __init__(self, node: Node, file: str, name: str, problems: Problems) -> None:
        self._file = file
        self._name = name
        self._problems = problems
        self._entries = dict(node.entries) if isinstance(node, Mapping) else {}
        self._is_mapping = isinstance(node, Mapping)
        self.place = Place(file, node.line, name)
        if not self._is_mapping:
            self.wrong("", "Expected a mapping.")
        lines = node.lines if isinstance(node, Mapping) else {}
        self._places = {name: self._place(name, line) for name, line in lines.items()}

    def text(self, name: str) -> str | None:
        """Read a text. A number is the text as written."""
        node = self._entries.pop(name, None)
        if node is None or (isinstance(node, Scalar) and is_null(node)):
            return None
        if not isinstance(node, Scalar):
            self.wrong(name, "Expected text.")
            return None
        return node.text

    def value(self, name: str, check: Callable[[str], T], *, optional: bool = False) -> T | None:
        """Read a text and return the result of *check*; None if it is missing or invalid."""
        known = len(self._problems.lines)
        text = self.text(name)
        if text is not None:
            return self.checked(name, lambda: check(text))
        if not optional and self._is_mapping and known == len(self._problems.lines):
            self.wrong(name, "This field is required.")
        return None

    def flag(self, name: str, *, otherwise: T) -> bool | T:
        """Read true or false; return *otherwise* if it is missing or invalid."""
        node = self._entries.get(name)
        if self.text(name) is None or not isinstance(node, Scalar):
            return otherwise
        flag = read_boolean(node)
        if flag is None:
            self.wrong(name, "Use true or false.")
            return otherwise
        return flag

    def texts(self, name: str) -> list[str]:
        """Read a list of texts."""
        node = self._entries.pop(name, None)
        if node is None or (isinstance(node, Scalar) and is_null(node)):
            return []
        items = node.items if isinstance(node, Sequence) else [node]
        if not isinstance(node, Sequence) or not all(isinstance(item, Scalar) for item in items):
            self.wrong(name, "Expected a list of texts.")
        return [item.text for item in items if isinstance(item, Scalar)]

    def mapping(self, name: str) -> "Fields | None":
        """Read a mapping; None if it is missing."""
        node = self._entries.pop(name, None)
        if node is None or (isinstance(node, Scalar) and is_null(node)):
            return None
        path = f"{self._name}.{name}" if self._name else name
        return Fields(node, self._file, path, self._problems)

    def several(self, name: str) -> "list[Fields] | None":
        """Read a list of mappings; None if it is missing."""
        node = self._entries.pop(name, None)
        if node is None or (isinstance(node, Scalar) and is_null(node)):
            return None
        if not isinstance(node, Sequence):
            self.wrong(name, "Expected a list.")
            return []
        path = f"{self._name}.{name}" if self._name else name
        return [Fields(item, self._file, f"{path}[{n}]", self._problems) for n, item in enumerate(node.items)]

    def checked(self, name: str, check: Callable[[], T], renamed: Map[str, str] = NO_NAMES) -> T | None:
        """
        Return the result of *check*; add its errors as problems of the field *name*.

        Errors that name a field become problems of that field, or of the field that *renamed* maps it to.
        """
        try:
            return check()
        except InvalidFields as error:
            for problem in error.errors:
                self.wrong(renamed.get(problem.field, problem.field), str(problem))
        except (Refusal, WrongFile) as error:
            self.wrong(name, str(error))
        return None

    def wrong(self, name: str, text: str) -> None:
        """Add a problem of the field *name*; an empty name is the mapping itself."""
        place = self._places.get(name) if name else self.place
        self._problems.add(place or self._place(name, self.place.line), text)

    def place_of(self, *names: str) -> Place:
        """Return the place of the first of the fields *names* that exists, or else of the mapping."""
        return next((self._places[name] for name in names if name in self._places), self.place)

    def finish(self, known: str) -> None:
        """Add a problem for each unread field; *known* lists the valid fields."""
        for name in self._entries:
            self.wrong(name, f"Unknown field. Valid fields: {known}.")

    def _place(self, name: str, line: int) -> Place:
        path = f"{self._name}.{name}" if self._name else name
        return Place(self._file, line, path[:200])
