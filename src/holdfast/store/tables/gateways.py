"""
Gateways, their certificates and join tokens, and the CA that issues the certificates.

They belong to the default organization, whose admins operate the installation.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class GatewayRow(Table):
    """A gateway that has joined, or for which a join token was created."""

    __tablename__ = "gateway"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    name: Mapped[str]
    group_name: Mapped[str] = mapped_column(ForeignKey("gateway_group.name"))
    labels: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    enrolled_at: Mapped[datetime | None]  # when it last joined
    __table_args__ = (UniqueConstraint("organization_id", "name"),)


class GatewayCertificateRow(Table):
    """A certificate that a gateway may connect with: the newest, and the one before until it expires."""

    __tablename__ = "gateway_certificate"
    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id", ondelete="CASCADE"))
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    issued_at: Mapped[datetime]
    __table_args__ = (Index("gateway_certificate_by_gateway", "gateway_id"),)


class JoinTokenRow(Table):
    """A token with which one gateway can join once; only its hash is kept."""

    __tablename__ = "join_token"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    gateway_id: Mapped[str] = mapped_column(ForeignKey("gateway.id", ondelete="CASCADE"))
    group_name: Mapped[str]  # of the gateway, once it has joined
    labels: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    __table_args__ = (Index("join_token_by_gateway", "gateway_id"), Index("join_token_by_expiry", "expires_at"))


class GatewayAuthorityRow(Table):
    """The CA of gateways, with its sealed key."""

    __tablename__ = "gateway_authority"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), unique=True)
    der: Mapped[bytes]
    sealed_key: Mapped[bytes]
    created_at: Mapped[datetime]
