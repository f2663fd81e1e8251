"""
Searches for a part of a text, as it is written.
"""

from typing import Any

from sqlalchemy import ColumnElement, Integer, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class instr(GenericFunction[int]):  # noqa: N801 - a function of SQL
    """The position of the second text in the first, from 1; 0 if it isn't there. LIKE takes several times as long."""

    type = Integer()
    inherit_cache = True


@compiles(instr, "postgresql")
def _strpos(element: instr, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


def contains(column: InstrumentedAttribute[Any], part: str) -> ColumnElement[bool]:
    """Search a column for *part*, which has no U+0000."""
    return instr(column, literal(part)) > 0
