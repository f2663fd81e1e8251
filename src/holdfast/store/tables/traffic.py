"""
Traffic that gateways have reported, by minute, hour and day.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Double, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Number, Table


class TrafficRow(Table):
    """Requests of an API, or of all APIs of an organization, in the period of *resolution* seconds that begins *at*."""

    __tablename__ = "traffic"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    api_id: Mapped[str] = mapped_column(primary_key=True)  # empty: all APIs; it may have been deleted
    resolution: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    environment: Mapped[str] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(Number)
    failures: Mapped[int] = mapped_column(Number)
    measures: Mapped[dict[str, Any]]
    __table_args__ = (Index("traffic_by_time", "resolution", "at"),)


class TrafficCauseRow(Table):
    """The number of requests of an API that failed for a cause in a period."""

    __tablename__ = "traffic_cause"
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"), primary_key=True)
    api_id: Mapped[str] = mapped_column(primary_key=True)
    resolution: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    environment: Mapped[str] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(primary_key=True)
    cause: Mapped[str] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(Number)
    __table_args__ = (Index("traffic_cause_by_time", "resolution", "at"),)


class TrafficCoverageRow(Table):
    """For how many seconds of a period a gateway has reported its traffic."""

    __tablename__ = "traffic_coverage"
    resolution: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(primary_key=True)
    seconds: Mapped[float] = mapped_column(Double)
    is_late: Mapped[bool] = mapped_column(Boolean)  # it has requests of earlier periods
    uncounted: Mapped[int] = mapped_column(Number)  # statistics that the gateway had no place for
    dropped: Mapped[int] = mapped_column(Number)  # parts that the gateway had no place for


class TrafficSourceRow(Table):
    """The number of the last part from a gateway that was stored, so that each part counts once."""

    __tablename__ = "traffic_source"
    gateway: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(Number)
    stored_at: Mapped[datetime]
