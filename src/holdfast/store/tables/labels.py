"""
Labels of APIs, endpoint certificates and trust settings.
"""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class LabelRow(Table):
    """A label of an object: an API by its id, an endpoint certificate by its alias, trust settings by their origin."""

    __tablename__ = "label"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    object: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    __table_args__ = (Index("label_by_name", "organization_id", "name", "kind", "object"),)
