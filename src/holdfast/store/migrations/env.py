"""
Alembic's environment: it uses the store's connection or, for developers, a temporary database.
"""

from alembic import context
from sqlalchemy import Connection, create_engine

from holdfast.store.tables import Table


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


_store_connection = context.config.attributes.get("connection")
if _store_connection is not None:
    _run(_store_connection)
else:
    with create_engine(context.config.get_main_option("sqlalchemy.url") or "sqlite://").connect() as _connection:
        _run(_connection)
