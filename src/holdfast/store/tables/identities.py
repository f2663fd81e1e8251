"""
Gateway identities and caller certificates.
"""

from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from holdfast.store.tables.columns import Table


class GatewayIdentityRow(Table):
    """A gateway identity for the backends at an origin, with sealed keys."""

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
    """A caller certificate of an API; its dates are copied into columns for searching."""

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
    environment: Mapped[str | None]  # production or sandbox; NULL: both
    __table_args__ = (UniqueConstraint("api_id", "alias"), UniqueConstraint("api_id", "fingerprint"))
