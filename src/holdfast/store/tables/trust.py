"""
Endpoint certificates, removed certificates and trust settings.
"""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast.store.tables.columns import Table

_UNDESCRIBED = "described_at IS NULL OR described_at != updated_at"


class EndpointCertificateRow(Table):
    """An endpoint certificate: an alias, the endpoint that it was imported for, and the origin that trusts it."""

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
    created_by: Mapped[str | None]  # NULL: unknown
    # What lists are sorted by and searched in (store/trust/facts.py). It is current only if `described_at` equals
    # `updated_at`: versions before revision 0026 change a row without it.
    described_at: Mapped[datetime | None]
    common_name: Mapped[str | None]
    issuer: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    search_text: Mapped[str | None]
    issuer_text: Mapped[str | None]
    certificates: Mapped[list["TrustedCertificateRow"]] = relationship(
        order_by="TrustedCertificateRow.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )
    __table_args__ = (
        UniqueConstraint("organization_id", "alias"),
        Index("endpoint_certificate_by_origin", "organization_id", "origin"),
        Index("endpoint_certificate_first_expiry", "organization_id", "origin", "expires_at"),
        Index("endpoint_certificate_by_endpoint", "organization_id", "endpoint", "alias"),
        Index("endpoint_certificate_by_common_name", "organization_id", "common_name", "alias"),
        Index("endpoint_certificate_by_issuer", "organization_id", "issuer", "alias"),
        Index("endpoint_certificate_by_expiry", "organization_id", "expires_at", "alias"),
        Index(
            "endpoint_certificate_undescribed",
            "organization_id",
            sqlite_where=text(_UNDESCRIBED),
            postgresql_where=text(_UNDESCRIBED),
        ),
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
    # Read from the DER; current only if `described_at` of the endpoint certificate equals `updated_at`.
    common_name: Mapped[str | None]
    issuer: Mapped[str | None]
    serial_number: Mapped[str | None]  # hex digits
    fingerprint: Mapped[str | None]  # SHA-256, as `Certificate.fingerprint`
    not_before: Mapped[datetime | None]
    not_after: Mapped[datetime | None]
    is_ca: Mapped[bool | None]
    __table_args__ = (
        Index("certificate_by_expiry", "organization_id", "not_after"),
        Index("certificate_by_fingerprint", "organization_id", "fingerprint"),
        Index("certificate_by_serial_number", "organization_id", "serial_number"),
        Index(
            "certificate_previous",
            "endpoint_certificate_id",
            sqlite_where=text("previous = 1"),
            postgresql_where=text("previous"),
        ),
    )


class RemovedCertificateRow(Table):
    """The certificates of an alias from before they were deleted, retired or replaced; they can be restored."""

    __tablename__ = "removed_certificate"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    endpoint_certificate_id: Mapped[str]  # not a foreign key, because the endpoint certificate may be deleted
    alias: Mapped[str]
    endpoint: Mapped[str]
    origin: Mapped[str]
    why: Mapped[str]  # "deleted", "retired" or "replaced"
    certificates: Mapped[bytes]  # concatenated DER
    previous: Mapped[bytes]
    created_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]
    removed_at: Mapped[datetime]
    removed_by: Mapped[str]
    created_by: Mapped[str | None]  # who imported the alias; NULL: unknown
    __table_args__ = (Index("removed_certificate_by_time", "organization_id", "removed_at"),)


class TrustSettingsRow(Table):
    """The trust settings of an origin; an origin with the defaults has no row."""

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
