"""
APIs, what is kept of them, and what is known of their origins.
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
    # Connection settings that differ from the defaults; NULL where none does.
    production_connection: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    sandbox_connection: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    requires_certificate: Mapped[bool] = mapped_column(Boolean, server_default=false())  # as its members say
    __table_args__ = (
        UniqueConstraint("organization_id", "context", "version"),
        UniqueConstraint("organization_id", "name", "version"),
        Index("api_by_production_origin", "organization_id", "production_origin"),
        Index("api_by_sandbox_origin", "organization_id", "sandbox_origin"),
    )


class ApiDocumentRow(Table):
    """What is kept of an API for others and does not concern the gateways; without a row, there is nothing."""

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
