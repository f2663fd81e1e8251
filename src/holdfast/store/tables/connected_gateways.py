"""
The state of each control plane's gateways, for the other control planes.

They belong to the installation, not to an organization.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import StoredJson, Table


class GatewayOverviewRow(Table):
    """The last state that a control plane has written; *version* grows with each transaction about its gateways."""

    __tablename__ = "gateway_overview"
    control_plane_id: Mapped[str] = mapped_column(ForeignKey("control_plane.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int]
    revision: Mapped[int]  # of the configuration that the rows of its gateways refer to
    enforced: Mapped[list[Any]] = mapped_column(StoredJson)  # when its gateways had the latest changes


class ConnectedGatewayRow(Table):
    """A gateway that is or was connected to a control plane."""

    __tablename__ = "connected_gateway"
    control_plane_id: Mapped[str] = mapped_column(ForeignKey("control_plane.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    group_name: Mapped[str]
    address: Mapped[str]
    connected_since: Mapped[datetime | None]
    recorded_at: Mapped[datetime]  # on the database's clock
    seen_at: Mapped[datetime]
    applied: Mapped[int | None]  # revision
    applied_since: Mapped[datetime | None]
    behind: Mapped[int]
    behind_since: Mapped[datetime | None]
    missing: Mapped[list[Any] | None] = mapped_column(StoredJson)  # type URL and name of each resource; null: unknown
    rejected: Mapped[list[Any]] = mapped_column(StoredJson)  # type URL, name and reason
    rejections: Mapped[int]
    report: Mapped[dict[str, Any] | None]
    clock_offset: Mapped[float | None] = mapped_column(Double)  # seconds
