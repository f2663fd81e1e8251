"""
Watched endpoints, the chains that their backends presented, and how far the watch has come.
"""

from datetime import datetime

from sqlalchemy import Boolean, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Number, StoredJson, Table


class WatchedEndpointRow(Table):
    """An https origin that an API uses, and what its backend was last seen to present; written only when it changes."""

    __tablename__ = "watched_endpoint"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    origin: Mapped[str]
    chain: Mapped[str | None]  # SHA-256; None: nothing was seen yet
    name: Mapped[str | None]
    issuer: Mapped[str | None]
    expires_at: Mapped[datetime | None]
    presented_since: Mapped[datetime | None]
    trust: Mapped[str | None]  # the hash of the trust that the next columns are about
    accepted: Mapped[bool | None] = mapped_column(Boolean)
    cause: Mapped[str | None]
    accepted_until: Mapped[datetime | None]
    by_gateway: Mapped[bool | None] = mapped_column(Boolean)
    changed_at: Mapped[datetime | None]
    key_changed_at: Mapped[datetime | None]
    issuer_changed_at: Mapped[datetime | None]
    names_changed_at: Mapped[datetime | None]
    silent_since: Mapped[datetime | None]
    silence_cause: Mapped[str | None]
    attempts: Mapped[int | None]
    retry_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("organization_id", "origin"),
        Index("watched_endpoint_by_expiry", "organization_id", "expires_at"),
    )


class PresentedChainRow(Table):
    """A chain that a backend presented: what was new about it, when it was first seen, and when it last came back."""

    __tablename__ = "presented_chain"
    id: Mapped[str] = mapped_column(primary_key=True)
    organization_id: Mapped[str] = mapped_column(ForeignKey("organization.id"))
    watched_endpoint_id: Mapped[str] = mapped_column(ForeignKey("watched_endpoint.id", ondelete="CASCADE"))
    chain: Mapped[str]  # SHA-256
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    changes: Mapped[list[str]] = mapped_column(StoredJson)
    certificates: Mapped[bytes]  # concatenated DER, in the order presented
    __table_args__ = (
        UniqueConstraint("watched_endpoint_id", "chain"),
        Index("presented_chain_by_time", "last_at"),
    )


class WatchProgressRow(Table):
    """The progress of the watch of all organizations; there is one row."""

    __tablename__ = "watch_progress"
    name: Mapped[str] = mapped_column(primary_key=True)
    checked_until: Mapped[datetime]  # checks due before this are done
    change: Mapped[int] = mapped_column(Number)  # the last change of trust that was taken into account
