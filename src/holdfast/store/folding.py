"""
Comparisons that ignore case.

Both databases lower all letters. PostgreSQL does it by a collation that migrations create. SQLite's own function lowers
A to Z only, which is enough for most texts; the others are passed to a function in Python, which takes much longer.
"""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, SQLColumnExpression, String, false, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from holdfast.store.substring import instr

FOLDING = "holdfast_folding"  # a collation that lowers letters beyond A to Z, which "C" and some locales don't
LOWER_ALL = "holdfast_lower"  # a function of each SQLite connection: Python's `lower`


class folded(GenericFunction[str]):  # noqa: N801 - a function of SQL
    """A text in lower case, which sorts by code point."""

    type = String()
    inherit_cache = True


@compiles(folded)
def _lower(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    text = compiler.process(element.clauses, **options)
    # A text with other characters than ASCII has fewer characters than bytes.
    return f"CASE WHEN length({text}) < length(CAST({text} AS BLOB)) THEN {LOWER_ALL}({text}) ELSE lower({text}) END"


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
    return instr(folded(column), folded(literal(part))) > 0


class case_insensitive_like(GenericFunction[bool]):  # noqa: N801 - a function of SQL
    """Compare a text with a pattern whose escape is `/`, in the engine; SQLite ignores the case of A to Z only."""

    type = Boolean()
    inherit_cache = True


@compiles(case_insensitive_like)
def _like(element: case_insensitive_like, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({text} LIKE {pattern} ESCAPE '/')"


@compiles(case_insensitive_like, "postgresql")
def _ilike(element: case_insensitive_like, compiler: SQLCompiler, **options: Any) -> str:
    text, pattern = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({text} ILIKE {pattern} ESCAPE '/')"
