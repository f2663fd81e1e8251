"""
Which versions of Holdfast can use the tables.
"""

from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class SchemaCompatibilityRow(Table):
    """The only row: the oldest revision whose code can use the tables, which may be of a later revision."""

    __tablename__ = "schema_compatibility"
    oldest_revision: Mapped[str] = mapped_column(primary_key=True)
