"""
APIs, their documents, and origins that need HTTP/1.1.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import StoredJson, Table


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
    # A state that earlier versions don't know; see store/catalog/lifecycle_states.py.
    newer_state: Mapped[str | None]
    newer_state_at: Mapped[datetime | None]
    production_url: Mapped[str | None]
    production_origin: Mapped[str | None]
    sandbox_url: Mapped[str | None]
    sandbox_origin: Mapped[str | None]
    # Connection settings that differ from the defaults; NULL if none does.
    production_connection: Mapped[dict[str, Any] | None] = mapped_column(StoredJson)
    sandbox_connection: Mapped[dict[str, Any] | None] = mapped_column(StoredJson)
    # Endpoint security, with its sealed secret; NULL: none (see `store/catalog/endpoint_security.py`).
    production_security: Mapped[dict[str, Any] | None] = mapped_column(StoredJson)
    sandbox_security: Mapped[dict[str, Any] | None] = mapped_column(StoredJson)
    # Load-balanced or failover groups, whose first member is the endpoint above; NULL if there is none.
    production_group: Mapped[dict[str, Any] | None] = mapped_column(StoredJson)
    sandbox_group: Mapped[dict[str, Any] | None] = mapped_column(StoredJson)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    requires_certificate: Mapped[bool] = mapped_column(Boolean, server_default=false())  # derived from its members
    has_thumbnail: Mapped[bool] = mapped_column(Boolean, server_default=false())
    last_revision: Mapped[int] = mapped_column(server_default="0")  # the highest number that a revision ever had
    is_default: Mapped[bool] = mapped_column(Boolean, server_default=false())  # of the versions with its context
    has_short_path: Mapped[bool] = mapped_column(Boolean, server_default=false())
    # The members of its description that gateways check requests with; NULL if there are none.
    request_rules: Mapped[dict[str, Any] | None] = mapped_column(StoredJson)
    # The responses that gateways give instead of a backend; NULL: requests go to the backend.
    mock_responses: Mapped[list[list[Any]] | None] = mapped_column(StoredJson)
    __table_args__ = (
        Index(
            "api_by_short_path",
            "organization_id",
            "context",
            unique=True,
            sqlite_where=text("has_short_path"),
            postgresql_where=text("has_short_path"),
        ),
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


class ApiOriginRow(Table):
    """An origin that an API uses besides those of its production and sandbox endpoints."""

    __tablename__ = "api_origin"
    api_id: Mapped[str] = mapped_column(ForeignKey("api.id", ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    __table_args__ = (Index("api_origin_by_origin", "organization_id", "origin"),)


class ApiRevisionRow(Table):
    """An immutable copy of an API, without what is always current, such as its state."""

    __tablename__ = "api_revision"
    id: Mapped[str] = mapped_column(primary_key=True)
    api_id: Mapped[str] = mapped_column(ForeignKey("api.id", ondelete="CASCADE"))
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    number: Mapped[int]
    description: Mapped[str]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    settings: Mapped[dict[str, Any]]  # columns of `api`
    members: Mapped[dict[str, Any]]
    definition: Mapped[str | None]  # OpenAPI, as JSON
    __table_args__ = (UniqueConstraint("organization_id", "api_id", "number"),)


class Http1OriginRow(Table):
    """An origin that rejected HTTP/2."""

    __tablename__ = "http1_origin"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
