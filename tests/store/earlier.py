"""
Databases of earlier versions.

    with database_at(path, "0003") as connection:
        connection.exec_driver_sql("INSERT INTO organization VALUES ('default', '2026-01-01')")
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine

from holdfast.store.revisions import MIGRATIONS, list_schema_revisions


@contextmanager
def database_at(place: Path | str, revision: str) -> Iterator[Connection]:
    """Create a database at *revision*, in a file of SQLite or at a URL, and yield a connection to fill it."""
    if isinstance(place, Path):
        place.write_bytes(_files()[revision])
    engine = create_engine(place if isinstance(place, str) else f"sqlite:///{place}")
    with engine.begin() as connection:
        if isinstance(place, str):
            command.upgrade(_configuration(connection), revision)
        yield connection
    engine.dispose()


@cache
def _files() -> dict[str, bytes]:
    """Return the file of each revision, each migrated from the one before: all of them take as long as three."""
    files = {}
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        for revision in reversed(list_schema_revisions()):
            command.upgrade(_configuration(connection), revision)
            connection.commit()
            raw = connection.connection.driver_connection
            assert raw
            files[revision] = raw.serialize()
    engine.dispose()
    return files


def _configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
