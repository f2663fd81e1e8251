"""
Databases of earlier versions.

    with database_at(path, "0003") as connection:
        connection.exec_driver_sql("INSERT INTO organization VALUES ('default', '2026-01-01')")
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine

from holdfast.store.revisions import MIGRATIONS


@contextmanager
def database_at(place: Path | str, revision: str) -> Iterator[Connection]:
    """Create a database at *revision*, in a file of SQLite or at a URL, and yield a connection to fill it."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = create_engine(place if isinstance(place, str) else f"sqlite:///{place}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        yield connection
    engine.dispose()
