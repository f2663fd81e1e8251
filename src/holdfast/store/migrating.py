"""
Bringing the tables of a database up to date.
"""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from holdfast.store.revisions import MIGRATIONS


def migrate(connection: Connection) -> None:
    """Run the migrations that the database of *connection* lacks."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
