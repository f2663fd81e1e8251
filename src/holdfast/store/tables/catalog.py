"""
APIs, their documents, and origins that need HTTP/1.1.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, UniqueConstraint, false
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class ApiRow(Table):
    """An API."""

    __tablename__ = "api"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str]
    context: Mapped[str]
    version: Mapped[str]
    description: Mapped[str]
    provider: Mapped[str]
    state: Mapped[str]
    production_url: Mapped[str | None]
    production_origin: Mapped[str | None]
    sandbox_url: Mapped[str | None]
    sandbox_origin: Mapped[str | None]
    # Connection settings that differ from the defaults; NULL if none does.
    production_connection: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    sandbox_connection: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    requires_certificate: Mapped[bool] = mapped_column(Boolean, server_default=false())  # derived from its members
    __table_args__ = (
        UniqueConstraint("organization_id", "context", "version"),
        UniqueConstraint("organization_id", "name", "version"),
        Index("api_by_production_origin", "organization_id", "production_origin"),
        Index("api_by_sandbox_origin", "organization_id", "sandbox_origin"),
    )


class ApiDocumentRow(Table):
    """The parts of an API that gateways don't need; an API without them has no row."""

    __tablename__ = "api_document"
    api_id: Mapped[str] = mapped_column(ForeignKey("api.id", ondelete="CASCADE"), primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    members: Mapped[dict[str, Any]]
    definition: Mapped[str | None]  # OpenAPI, as JSON


class Http1OriginRow(Table):
    """An origin that rejected HTTP/2."""

    __tablename__ = "http1_origin"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
