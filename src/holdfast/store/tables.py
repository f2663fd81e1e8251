"""
The tables. Every row belongs to an organization.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept as UTC (SQLite forgets zones)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware time into UTC without a zone."""
        del dialect
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        del dialect
        return value.replace(tzinfo=UTC) if value else None


class Table(DeclarativeBase):
    """What all tables share: the registry of their columns' types."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it
        datetime: UtcDateTime,
        bytes: LargeBinary,
        str: String,
        list[str]: JSON,
        dict[str, Any]: JSON,
    }


class OrganizationRow(Table):
    """A tenant."""

    __tablename__ = "organization"
    id: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]


class UserRow(Table):
    """A person or script that may sign in."""

    __tablename__ = "user_account"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str] = mapped_column(unique=True)
    password_hash: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(server_default="[]")
    disabled: Mapped[bool] = mapped_column(Boolean, server_default=false())
    issuer: Mapped[str | None]  # of whom an identity provider says who they are; they have no password
    subject: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    __table_args__ = (Index("user_by_identity", "issuer", "subject", unique=True),)


class SessionRow(Table):
    """A signed-in browser; only the hash of its token is kept."""

    __tablename__ = "session"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(server_default=text("''"))
    agent: Mapped[str] = mapped_column(server_default=text("''"))
    user: Mapped[UserRow] = relationship(lazy="joined")
    __table_args__ = (Index("session_by_user", "user_id"), Index("session_by_expiry", "expires_at"))


class ApplicationRow(Table):
    """An OAuth client that a user has registered; only the hash of its secret is kept."""

    __tablename__ = "application"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    name: Mapped[str]
    secret_hash: Mapped[str]
    grants: Mapped[list[str]]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    user: Mapped[UserRow] = relationship(lazy="joined")
    __table_args__ = (Index("application_by_user", "user_id"),)


class TokenRow(Table):
    """What a script shows instead of a password; only its hash is kept. Tokens of one grant end together."""

    __tablename__ = "token"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    user_id: Mapped[str] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"))
    application_id: Mapped[str | None] = mapped_column(ForeignKey("application.id", ondelete="CASCADE"))
    grant_id: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_on: Mapped[datetime | None]
    user: Mapped[UserRow] = relationship(lazy="joined")
    __table_args__ = (
        Index("token_by_user", "user_id"),
        Index("token_by_grant", "grant_id"),
        Index("token_by_expiry", "expires_at"),
    )


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


class EndpointCertificateRow(Table):
    """An alias, the endpoint it was imported for, and that endpoint's origin, which trusts its certificates."""

    __tablename__ = "endpoint_certificate"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    alias: Mapped[str]
    endpoint: Mapped[str]
    origin: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    observed_at: Mapped[datetime | None]
    observed: Mapped[str | None]  # a Generation
    current_first_seen_at: Mapped[datetime | None]
    previous_last_needed_at: Mapped[datetime | None]
    certificates: Mapped[list["TrustedCertificateRow"]] = relationship(
        order_by="TrustedCertificateRow.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )
    __table_args__ = (
        UniqueConstraint("organization_id", "alias"),
        Index("endpoint_certificate_by_origin", "organization_id", "origin"),
        Index("endpoint_certificate_by_endpoint", "organization_id", "endpoint", "alias"),
    )


class TrustedCertificateRow(Table):
    """One X.509 certificate of an endpoint certificate."""

    __tablename__ = "certificate"
    endpoint_certificate_id: Mapped[str] = mapped_column(
        ForeignKey("endpoint_certificate.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    der: Mapped[bytes]
    previous: Mapped[bool] = mapped_column(Boolean, server_default=false())


class RemovedCertificateRow(Table):
    """What an alias trusted until somebody deleted, retired or replaced it; kept for a while to be restored."""

    __tablename__ = "removed_certificate"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    endpoint_certificate_id: Mapped[str]  # no foreign key: what was deleted is gone
    alias: Mapped[str]
    endpoint: Mapped[str]
    origin: Mapped[str]
    why: Mapped[str]  # "deleted", "retired" or "replaced"
    certificates: Mapped[bytes]  # DER, one after the other
    previous: Mapped[bytes]
    created_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]
    removed_at: Mapped[datetime]
    removed_by: Mapped[str]
    __table_args__ = (Index("removed_certificate_by_time", "organization_id", "removed_at"),)


class TrustSettingsRow(Table):
    """What is decided about the trust of an origin, beside its certificates; without a row, the defaults hold."""

    __tablename__ = "trust_settings"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    anchors: Mapped[str]
    names: Mapped[list[str]]
    any_name: Mapped[bool]
    sni: Mapped[str | None]
    certificate_pins: Mapped[list[str]]
    spki_pins: Mapped[list[str]]
    revocation_of_path: Mapped[bool]
    tls_minimum: Mapped[int]
    tls_maximum: Mapped[int]
    exception_reason: Mapped[str | None]
    exception_owner: Mapped[str | None]
    exception_ends_at: Mapped[datetime | None] = mapped_column(index=True)
    revocation_lists: Mapped[list["RevocationListRow"]] = relationship(
        order_by="RevocationListRow.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )


class RevocationListRow(Table):
    """One CRL of an origin."""

    __tablename__ = "revocation_list"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    origin: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    der: Mapped[bytes]
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "origin"],
            ["trust_settings.organization_id", "trust_settings.origin"],
            ondelete="CASCADE",
        ),
    )


class GatewayIdentityRow(Table):
    """What gateways present to the backends of an origin; keys are sealed."""

    __tablename__ = "client_certificate"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    endpoint: Mapped[str]
    origin: Mapped[str]
    sealed_key: Mapped[bytes | None]
    request_der: Mapped[bytes | None]
    request_sealed_key: Mapped[bytes | None]
    request_made_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    chain: Mapped[list["IdentityChainRow"]] = relationship(
        order_by="IdentityChainRow.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )
    __table_args__ = (UniqueConstraint("organization_id", "origin"),)


class IdentityChainRow(Table):
    """One X.509 certificate of a gateway identity's chain, the gateway's own first."""

    __tablename__ = "client_chain"
    client_certificate_id: Mapped[str] = mapped_column(
        ForeignKey("client_certificate.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    der: Mapped[bytes]


class CallerCertificateRow(Table):
    """A certificate that callers of an API may present; its dates stand beside it to be found by them."""

    __tablename__ = "caller_certificate"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    api_id: Mapped[str] = mapped_column(ForeignKey("api.id", ondelete="CASCADE"))
    alias: Mapped[str]
    tier: Mapped[str]
    der: Mapped[bytes]
    fingerprint: Mapped[str]
    not_before: Mapped[datetime] = mapped_column(index=True)
    not_after: Mapped[datetime] = mapped_column(index=True)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("api_id", "alias"), UniqueConstraint("api_id", "fingerprint"))


class AuditEventRow(Table):
    """Who did what to what, and when; written in the transaction of the change itself."""

    __tablename__ = "audit_event"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    at: Mapped[datetime]
    user: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[str]  # in words
    address: Mapped[str | None]  # where the request came from; None: no request, or before it was written down
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))  # None: before 0014
    __table_args__ = (
        Index("audit_event_by_time", "organization_id", "at"),
        Index("audit_event_by_subject", "organization_id", "subject"),
    )


class ChangeRow(Table):
    """What the distributor must build anew: an API by its id, or every API with an endpoint of an origin."""

    __tablename__ = "change"
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    at: Mapped[datetime]
    kind: Mapped[str]  # "api" or "origin"
    key: Mapped[str]
    __table_args__ = ({"sqlite_autoincrement": True},)
