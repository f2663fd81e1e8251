"""
Failing backends, as the control plane whose gateways reported them has described them for the others, and those that
users have acknowledged.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class FailureRow(Table):
    """A *part* of what is known about a failing backend at a gateway; without a body, it has ended."""

    __tablename__ = "failure"
    cluster: Mapped[str] = mapped_column(primary_key=True)  # which names organization, API and environment
    gateway: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    control_plane: Mapped[str]  # the id of the one that wrote it
    number: Mapped[int] = mapped_column(BigInteger)  # of its rows; others read those with higher numbers
    written_at: Mapped[datetime]  # on the clock of the control plane
    body: Mapped[bytes | None]
    __table_args__ = (Index("failure_by_control_plane", "control_plane", "number"),)


class FailureAcknowledgementRow(Table):
    """An acknowledgement of all failures of an API's backend that began before it."""

    __tablename__ = "failure_acknowledgement"
    api_id: Mapped[str] = mapped_column(ForeignKey("api.id", ondelete="CASCADE"), primary_key=True)
    environment: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    user: Mapped[str]
    at: Mapped[datetime]
    __table_args__ = (Index("failure_acknowledgement_by_organization", "organization_id"),)
