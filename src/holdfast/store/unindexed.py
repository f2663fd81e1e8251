"""
Columns without their indexes, for conditions and orders in which SQLite would choose an index that takes longer.

SQLite doesn't know how many rows match: it takes each `organization_id = ?` for selective, and each list of many values
for the opposite. PostgreSQL has statistics, and isn't affected much.
"""

from typing import TypeVar

from sqlalchemy import ColumnElement, SQLColumnExpression, func, null

T = TypeVar("T")


def disable_index(column: SQLColumnExpression[T]) -> ColumnElement[T]:
    """Return the value of *column* as an expression that no index is about."""
    return func.coalesce(column, null())
