"""
The number of rows that queries read.

    check_reads(session, lambda session: apis.with_context(session, "default", "/pizza"))

With SQLite, the plan shows it. PostgreSQL's plan depends on the tables' size, so there the tables must be filled, and
the rows are counted while the query runs.
"""

import re
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from databases import PostgresqlStorage, Storage

ROWS = 3_000  # in each filled table
_FEW = 100
# An index that contains only the rows to find may be read as a whole, and so may the result of a subquery.
_READS_EVERYTHING = re.compile(
    r"SCAN (?!anon_|\w+ USING (COVERING )?INDEX (certificate_previous|endpoint_certificate_undescribed))"
    r"|\(organization_id=\?\)$"
)
_COLUMNS = """
    SELECT table_name, string_agg(format('"%s"', column_name), ', '), string_agg(
        CASE WHEN column_name = 'organization_id' THEN '$$default$$'
        ELSE CASE data_type WHEN 'bytea' THEN 'int4send(n)' WHEN 'json' THEN '$${}$$' WHEN 'boolean' THEN 'false'
        WHEN 'timestamp without time zone' THEN '$$2100-01-01$$' WHEN 'character varying' THEN 'n::varchar' ELSE 'n' END
        END, ', ')
    FROM information_schema.columns WHERE table_schema = 'public' AND is_nullable = 'NO'
    AND table_name NOT IN ('organization', 'alembic_version', 'schema_compatibility') GROUP BY table_name
"""


def fill(storage: Storage) -> None:
    """Fill all tables of PostgreSQL; texts and references are numbers, optional columns are empty, times far away."""
    if not isinstance(storage, PostgresqlStorage):
        return
    execute = storage.connection.execute
    execute("SET session_replication_role = replica")  # it doesn't check foreign keys
    execute("INSERT INTO organization VALUES ('default', '2026-01-01')")
    for table, names, values in execute(_COLUMNS).fetchall():
        statement = f'INSERT INTO "{table}" ({names}) SELECT {values} FROM generate_series(1, {ROWS}) n'  # noqa: S608
        execute(f"{statement} ON CONFLICT DO NOTHING".encode())
    execute("ANALYZE")


def check_reads(session: Session, query: Callable[[Session], object]) -> None:
    """Check that *query* reads neither a whole table nor all rows of an organization."""
    statements: list[tuple[str, Any]] = []

    def listen(_connection: Connection, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", listen)
    try:
        query(session)
    finally:
        event.remove(Engine, "before_cursor_execute", listen)
    selects = [(statement, parameters) for statement, parameters in statements if statement.startswith("SELECT")]
    assert selects
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    explain = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN (ANALYZE, FORMAT JSON)"
    for statement, parameters in selects:
        rows = session.connection().exec_driver_sql(f"{explain} {statement}", parameters).all()
        if is_sqlite:
            steps = [row[3] for row in rows]
            assert steps
            assert not [step for step in steps if _READS_EVERYTHING.search(step)], steps
        else:
            (plan,) = rows[0][0]
            assert _rows_read(plan["Plan"]) <= _FEW, plan


def _rows_read(step: dict[str, Any]) -> float:
    """Count the rows that a step and those below it read from tables and indexes, whether or not they match."""
    below = sum(map(_rows_read, step.get("Plans", ())))
    if "Relation Name" not in step:
        return below
    dropped_rows = sum(step.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return below + (step["Actual Rows"] + dropped_rows) * step["Actual Loops"]
