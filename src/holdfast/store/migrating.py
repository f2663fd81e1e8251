"""
Migration of a database to the current tables.
"""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from holdfast.store.revisions import MIGRATIONS


def migrate(connection: Connection) -> None:
    """Run the migrations that the database of *connection* doesn't have yet."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.dialect.name == "postgresql":
        from holdfast.store.postgresql.collations import set_collations

        set_collations(connection)
