"""
Comparisons that ignore case.

Both databases lower all letters: SQLite by a function of our own, PostgreSQL by a collation that migrations create.
"""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, SQLColumnExpression, String, false, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

FOLDING = "holdfast_folding"  # a collation that lowers letters beyond A to Z, which "C" and some locales don't


class folded(GenericFunction[str]):  # noqa: N801 - a function of SQL
    """A text in lower case, which sorts by code point."""

    type = String()
    inherit_cache = True


@compiles(folded)
def _lower(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    return f"lower({compiler.process(element.clauses, **options)})"


@compiles(folded, "postgresql")
def _lower_by_collation(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    return f'(lower({compiler.process(element.clauses, **options)} COLLATE "{FOLDING}") COLLATE "C")'


def equals(column: SQLColumnExpression[str], value: str) -> ColumnElement[bool]:
    """Compare a column with *value*, ignoring case."""
    return false() if "\0" in value else folded(column) == folded(literal(value))


def contains(column: SQLColumnExpression[str] | SQLColumnExpression[str | None], part: str) -> ColumnElement[bool]:
    """Search a column for *part*, ignoring case."""
    if "\0" in part:
        return false()  # no text has this character
    escaped = part.replace("/", "//").replace("%", "/%").replace("_", "/_")
    return folded(column).like(folded(literal(f"%{escaped}%")), escape="/")


class case_insensitive_like(GenericFunction[bool]):  # noqa: N801 - a function of SQL
    """Compare a text with a pattern whose escape is `/`, in the engine; SQLite ignores the case of A to Z only."""

    type = Boolean()
    inherit_cache = True


@compiles(case_insensitive_like)
def _like(element: case_insensitive_like, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"({text} LIKE {pattern} ESCAPE '/')"


@compiles(case_insensitive_like, "postgresql")
def _ilike(element: case_insensitive_like, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = (compiler.process(each, **options) for each in element.clauses)
    return f"({text} ILIKE {pattern} ESCAPE '/')"
