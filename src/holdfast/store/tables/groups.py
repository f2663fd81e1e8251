"""
Groups of gateways, and the APIs that are deployed to them.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, true
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class GatewayGroupRow(Table):
    """A group of gateways. It belongs to the installation, not to an organization."""

    __tablename__ = "gateway_group"
    name: Mapped[str] = mapped_column(primary_key=True)
    display_name: Mapped[str]
    description: Mapped[str]
    urls: Mapped[dict[str, Any]]
    listen: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ApiDeploymentRow(Table):
    """An API is deployed to a group of gateways: a revision or, without *revision_id*, the working copy."""

    __tablename__ = "api_deployment"
    api_id: Mapped[str] = mapped_column(ForeignKey("api.id", ondelete="CASCADE"), primary_key=True)
    group_name: Mapped[str] = mapped_column(ForeignKey("gateway_group.name"), primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    revision_id: Mapped[str | None]  # of `api_revision`
    deployed_at: Mapped[datetime | None]  # when the revision was deployed
    display_on_devportal: Mapped[bool] = mapped_column(Boolean, server_default=true())
    __table_args__ = (
        Index("api_deployment_by_group", "group_name"),
        Index("api_deployment_by_revision", "revision_id"),
        Index("api_deployment_by_organization", "organization_id"),
    )
