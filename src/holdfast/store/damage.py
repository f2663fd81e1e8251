"""
Stored values that can't be read, across all organizations.

Rows are read in chunks and as Holdfast itself reads them, so that this finds exactly what it can't use. In tables of
records, which can have millions of rows, the database looks for those that may be damaged.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    LargeBinary,
    Select,
    String,
    case,
    cast,
    func,
    inspect,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.orm import Session

from holdfast.store.examined_tables import ExaminedTable, list_examined_tables
from holdfast.store.stored_values import collect_unreadable
from holdfast.store.tables import ApiRow
from holdfast.store.tables.columns import (
    UNREADABLE_BYTES,
    UNREADABLE_NUMBER,
    UNREADABLE_TIME,
    CountingNumber,
    StoredBytes,
    StoredJson,
    Text,
    UnreadableJson,
    UtcDateTime,
)

_AT_ONCE = 500  # rows
_API = "api:"
_ARE_UTF8 = "holdfast_are_utf8"  # a function of the SQLite connection
_REPLACEMENT = "\ufffd"  # what damaged bytes of a text become; a text may also have been stored with it


@dataclass(frozen=True, slots=True)
class Damage:
    """Objects of an *organization* (empty: several, or the installation) with values that can't be read."""

    organization: str
    subject: str  # the object, as people know it
    values: tuple[str, ...]
    remedy: str
    count: int = 1  # of objects; more only of records


def find_damage(session: Session) -> Iterator[Damage]:
    """Yield the objects with values that can't be read, by kind of object; records of one kind together."""
    for table in list_examined_tables():
        if table.records:
            yield from _find_damaged_records(session, table)
            continue
        for row in _read_rows(session, select(table.row)):
            if values := _list_unreadable(session, table, row):
                yield _describe(session, table, row, values)


def _find_damaged_records(session: Session, table: ExaminedTable) -> Iterator[Damage]:
    columns = inspect(table.row).columns
    suspicions = [suspicion for column in columns if (suspicion := _suspect(session, column)) is not None]
    suspicions += _suspect_texts(session, [column for column in columns if isinstance(column.type, Text)])
    rows = _read_rows(session, select(table.row).where(or_(*suspicions))) if suspicions else ()
    count, names = 0, dict[str, None]()
    for row in rows:
        values = _list_unreadable(session, table, row)
        count += bool(values)
        names |= dict.fromkeys(values)
    if count:
        yield Damage("", f"{count:,} of the {table.noun}", tuple(names), table.remedy, count)


def _read_rows(session: Session, query: Select[Any]) -> Iterator[Any]:
    return iter(session.scalars(query.execution_options(yield_per=_AT_ONCE)))


def _list_unreadable(session: Session, table: ExaminedTable, row: Any) -> list[str]:
    """Return the names of the values of a row, and of the rows that are parts of it, that can't be read."""
    cells = [(part, column) for part in table.list_parts(row) for column in inspect(type(part)).columns]
    names = [_name(column) for part, column in cells if _is_unreadable(session, part, column)]
    with collect_unreadable() as collected:
        try:
            table.read(row)
        except (ValueError, TypeError, LookupError, AttributeError):
            collected.append("content")
    # What reading names is closer to what people know than the name of a column.
    names += collected
    names += [_name(column) for part, column in cells if not names and _is_no_json(part, column)]
    return list(dict.fromkeys(names))


def _is_unreadable(session: Session, row: Any, column: Column[Any]) -> bool:
    if isinstance(column.type, StoredBytes) and column.key in inspect(row).unloaded:
        return False  # large, and only sent
    value: object = getattr(row, str(column.key))
    match column.type:
        case UtcDateTime():
            return value is UNREADABLE_TIME
        case Text() if _is_sqlite(session):
            return not isinstance(value, str | None) or (
                _REPLACEMENT in (value or "") and not _is_utf8(session, row, column)
            )
        case StoredBytes():
            return value is UNREADABLE_BYTES
        case CountingNumber():
            return value == UNREADABLE_NUMBER
        case Integer():
            return not isinstance(value, int | None)
    return False


def _is_utf8(session: Session, row: Any, column: Column[Any]) -> bool:
    this = (key == getattr(row, str(key.key)) for key in inspect(type(row)).primary_key)
    content = session.scalar(select(cast(type_coerce(column, String), LargeBinary)).where(*this))
    try:
        return content is not None and bool(content.decode())
    except UnicodeDecodeError:
        return False


def _is_no_json(row: Any, column: Column[Any]) -> bool:
    return isinstance(column.type, StoredJson) and isinstance(getattr(row, str(column.key)), UnreadableJson)


def _suspect(session: Session, column: Column[Any]) -> ColumnElement[bool] | None:
    """Return the condition that a value may be unreadable; None if the database itself excludes that."""
    text = type_coerce(column, String)
    if isinstance(column.type, UtcDateTime) and _is_sqlite(session):
        # SQLite changes a date that doesn't exist, such as February 30, and has none for what isn't a time.
        normal = func.strftime("%Y-%m-%d %H:%M:%S", text).concat(func.substr(text, 20))
        return column.is_not(None) & normal.is_distinct_from(text)
    if isinstance(column.type, StoredBytes | Integer | CountingNumber) and _is_sqlite(session):
        kind = "blob" if isinstance(column.type, StoredBytes) else "integer"
        return column.is_not(None) & (func.typeof(text) != kind)
    if isinstance(column.type, StoredJson) and _is_sqlite(session):
        return column.is_not(None) & case((func.json_valid(text) == 0, true()), else_=func.json_type(text) != "object")
    if isinstance(column.type, StoredJson):
        return func.json_typeof(column) != "object"
    return None


def _suspect_texts(session: Session, columns: Sequence[Column[Any]]) -> list[ColumnElement[bool]]:
    """Return the condition that one of the texts isn't UTF-8, in one call of Python for a row, if SQLite needs that."""
    if not columns or not _is_sqlite(session):
        return []
    driver = session.connection().connection.driver_connection
    driver.create_function(_ARE_UTF8, -1, _are_utf8, deterministic=True)  # type: ignore[union-attr]
    contents = (cast(type_coerce(column, String), LargeBinary) for column in columns)
    return [getattr(func, _ARE_UTF8)(*contents) == 0]


def _are_utf8(*contents: bytes | None) -> bool:
    try:
        for content in contents:
            if content is not None:
                content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _describe(session: Session, table: ExaminedTable, row: Any, values: list[str]) -> Damage:
    names = [_name_api(session, str(attrgetter(name)(row))) for name in table.names]
    subject = f"{table.noun} {' '.join(names)}".rstrip()
    if api_id := getattr(row, "api_id", ""):
        subject += f" of {_name_api(session, f'{_API}{api_id}')}"
    return Damage(getattr(row, "organization_id", ""), subject, tuple(values), table.remedy)


def _name_api(session: Session, text: str) -> str:
    """Return the name and version of an API instead of `api:ID`; other texts as they are."""
    kind, _, api_id = text.rpartition(":")
    query = select(ApiRow.name, ApiRow.version).where(ApiRow.id == api_id)
    api = session.execute(query).first() if f"{kind}:" == _API else None
    return f"the API {api[0]} {api[1]}" if api else text


def _name(column: Column[Any]) -> str:
    return str(column.key).replace("_", " ")


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
