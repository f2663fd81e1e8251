"""
Collations: on PostgreSQL, too, texts sort by code point, whatever the locale of the database is.
"""

from itertools import groupby

from sqlalchemy import Connection, text

from holdfast.store.folding import FOLDING

# The first of these that a server has: the same as Python's `lower`, then what newer and older servers have.
_LOWER_EVERYTHING = ("pg_unicode_fast", "pg_c_utf8", "und-x-icu", "C.utf8", "en_US.utf8", "C")
_COLLATIONS = "SELECT collname FROM pg_collation WHERE collencoding IN (-1, pg_char_to_encoding('UTF8'))"
_COLUMNS = """
    SELECT relname, attname, format_type(atttypid, atttypmod) FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
    AND attcollation NOT IN (0, '"C"'::regcollation) ORDER BY relname, attnum
"""


def set_collations(connection: Connection) -> None:
    """Let columns that a migration has added sort by code point, and create the collation that `folded` uses."""
    names = set(connection.scalars(text(_COLLATIONS)))
    lowers = next(name for name in _LOWER_EVERYTHING if name in names)
    connection.execute(text(f'CREATE COLLATION IF NOT EXISTS {FOLDING} FROM "{lowers}"'))
    for table, columns in groupby(connection.execute(text(_COLUMNS)).all(), key=lambda row: row[0]):
        changes = [f'ALTER COLUMN "{name}" TYPE {kind} COLLATE "C"' for _, name, kind in columns]
        connection.execute(text(f'ALTER TABLE "{table}" {", ".join(changes)}'))
