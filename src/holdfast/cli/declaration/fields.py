"""
The fields of a mapping, read one by one; what is wrong is collected with its file, line and field.
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
    """Where something is written."""

    file: str
    line: int
    field: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}" if self.field else f"{self.file}:{self.line}"


@dataclass(slots=True)
class Problems:
    """What is wrong, to be said at once."""

    lines: list[str] = field(default_factory=list)

    def add(self, place: Place, text: str) -> None:
        """Note that something is wrong at *place*."""
        self.lines.append(f"{place}: {text}")

    def finish(self) -> None:
        """Raise WrongFile if anything is wrong."""
        if self.lines:
            more = len(self.lines) - MAX_PROBLEMS
            lines = [*self.lines[:MAX_PROBLEMS], *([f"and {more} more."] if more > 0 else [])]
            raise WrongFile("Nothing was done.\n" + "\n".join(f"  {line}" for line in lines))


class Fields:
    """A mapping that is read field by field. A field that is left out and one that is null are the same."""

    def __init__(self, node: Node, file: str, name: str, problems: Problems) -> None:
        self._file = file
        self._name = name
        self._problems = problems
        self._entries = dict(node.entries) if isinstance(node, Mapping) else {}
        self._is_mapping = isinstance(node, Mapping)
        self.place = Place(file, node.line, name)
        if not self._is_mapping:
            self.wrong("", "A mapping of fields is needed here.")
        lines = node.lines if isinstance(node, Mapping) else {}
        self._places = {name: self._place(name, line) for name, line in lines.items()}

    def text(self, name: str) -> str | None:
        """Read a text; numbers are texts, too, just as they are written."""
        node = self._entries.pop(name, None)
        if node is None or (isinstance(node, Scalar) and is_null(node)):
            return None
        if not isinstance(node, Scalar):
            self.wrong(name, "A text is needed here.")
            return None
        return node.text

    def value(self, name: str, check: Callable[[str], T], *, optional: bool = False) -> T | None:
        """Read a text and give what *check* makes of it; None where it is left out or wrong."""
        known = len(self._problems.lines)
        text = self.text(name)
        if text is not None:
            return self.checked(name, lambda: check(text))
        if not optional and self._is_mapping and known == len(self._problems.lines):
            self.wrong(name, "It is missing.")
        return None

    def flag(self, name: str, *, otherwise: T) -> bool | T:
        """Read true or false; *otherwise* where it is left out or wrong."""
        node = self._entries.get(name)
        if self.text(name) is None or not isinstance(node, Scalar):
            return otherwise
        flag = read_boolean(node)
        if flag is None:
            self.wrong(name, "Write true or false.")
            return otherwise
        return flag

    def texts(self, name: str) -> list[str]:
        """Read a list of texts."""
        node = self._entries.pop(name, None)
        if node is None or (isinstance(node, Scalar) and is_null(node)):
            return []
        items = node.items if isinstance(node, Sequence) else [node]
        if not isinstance(node, Sequence) or not all(isinstance(item, Scalar) for item in items):
            self.wrong(name, "A list of texts is needed here.")
        return [item.text for item in items if isinstance(item, Scalar)]

    def mapping(self, name: str) -> "Fields | None":
        """Read a mapping, None where it is left out."""
        node = self._entries.pop(name, None)
        if node is None or (isinstance(node, Scalar) and is_null(node)):
            return None
        path = f"{self._name}.{name}" if self._name else name
        return Fields(node, self._file, path, self._problems)

    def several(self, name: str) -> "list[Fields] | None":
        """Read a list of mappings, None where it is left out."""
        node = self._entries.pop(name, None)
        if node is None or (isinstance(node, Scalar) and is_null(node)):
            return None
        if not isinstance(node, Sequence):
            self.wrong(name, "A list is needed here.")
            return []
        path = f"{self._name}.{name}" if self._name else name
        return [Fields(item, self._file, f"{path}[{n}]", self._problems) for n, item in enumerate(node.items)]

    def checked(self, name: str, check: Callable[[], T], renamed: Map[str, str] = NO_NAMES) -> T | None:
        """
        Give what *check* gives; what it finds wrong is noted for the field *name*.

        Errors that name a field themselves are noted for that field, or for what *renamed* calls it.
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
        """Note that the field *name* is wrong; an empty name is the mapping itself."""
        place = self._places.get(name) if name else self.place
        self._problems.add(place or self._place(name, self.place.line), text)

    def place_of(self, *names: str) -> Place:
        """Say where the first of the fields *names* is that is there; the mapping's place where none is."""
        return next((self._places[name] for name in names if name in self._places), self.place)

    def finish(self, known: str) -> None:
        """Refuse the fields that nobody has read; *known* names those that there are."""
        for name in self._entries:
            self.wrong(name, f"There is no such field. There are {known}.")

    def _place(self, name: str, line: int) -> Place:
        path = f"{self._name}.{name}" if self._name else name
        return Place(self._file, line, path[:200])
