"""
Statements that insert a row, or update the one that exists, atomically.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from holdfast.store.tables.columns import Table


def insert_into(session: Session, table: type[Table]) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT for the session's database that can have an ON CONFLICT clause."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


def upsert(
    session: Session,
    table: type[Table],
    values: Mapping[str, Any],
    key: Sequence[str],
    where: ColumnElement[bool] | None = None,
) -> postgresql.Insert | sqlite.Insert:
    """
    Return an INSERT of *values* that updates all columns of the row with the same *key* columns if there is one.

    A row without *where* stays as it is, such as a row of another organization whose id is a key column.
    """
    updates = {name: value for name, value in values.items() if name not in key}
    insert = insert_into(session, table).values(**values)
    return insert.on_conflict_do_update(index_elements=list(key), set_=updates, where=where)
