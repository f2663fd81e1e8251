"""
Control planes that share this database, and which of them does the work that must be done once.

They belong to the installation, not to an organization. All times are on the database's clock.
"""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from holdfast.store.tables.columns import Table


class ControlPlaneRow(Table):
    """A control plane that runs, or that ended without removing its row."""

    __tablename__ = "control_plane"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    version: Mapped[str]
    home: Mapped[str]  # the id of its data directory, which one process uses at a time
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    discovery: Mapped[list[str]]
    publisher_pin: Mapped[bytes | None]
    settings: Mapped[dict[str, Any]]
    schema_revision: Mapped[str | None]  # the newest that its version knows; NULL: one from before 0041


class SealedValueRow(Table):
    """A value that shows whether a control plane has the sealing key of the database; there is at most one row."""

    __tablename__ = "sealed_value"
    name: Mapped[str] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]


class LeaseRow(Table):
    """The control plane that does certain work until the lease ends; *term* grows with each change of the holder."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str]
    term: Mapped[int]
    ends_at: Mapped[datetime]
