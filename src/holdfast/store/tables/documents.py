"""
Thumbnails and documents of APIs.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class ThumbnailRow(Table):
    """The thumbnail of an API; an API without one has no row."""

    __tablename__ = "api_thumbnail"
    api_id: Mapped[str] = mapped_column(ForeignKey("api.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    media_type: Mapped[str]
    content: Mapped[bytes]


class DocumentRow(Table):
    """A document of an API for people who call it."""

    __tablename__ = "document"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    api_id: Mapped[str] = mapped_column(ForeignKey("api.id", ondelete="CASCADE"))
    name: Mapped[str]
    type: Mapped[str]
    source: Mapped[str]
    visibility: Mapped[str]
    summary: Mapped[str]
    url: Mapped[str]
    other_type: Mapped[str]
    file_name: Mapped[str]
    size: Mapped[int]  # of the content, in bytes
    content: Mapped[bytes] = mapped_column(deferred=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]
    __table_args__ = (UniqueConstraint("api_id", "name"),)
