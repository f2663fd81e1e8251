"""
A gateway's connection to a control plane as a value, as that control plane describes it to the others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Key = tuple[str, str]  # type URL and name of a resource


@dataclass(frozen=True, slots=True)
class ConnectedGateway:
    """
    A gateway that is or was connected to a control plane. All times are aware (UTC).

    *missing* are the resources that it doesn't have in force, including those in *rejected*, whose values are the
    reasons; None: it may miss anything that changed after the revision *applied*, which it had completely in force.
    *rejections* counts what it rejects. *recorded_at* is when the connection was first written down, by the database's
    clock, so that connections to several control planes can be compared.
    """

    name: str
    group: str
    address: str  # that it connects from, as gRPC gives it
    connected_since: datetime | None  # None: it isn't connected anymore
    seen_at: datetime  # when something last arrived from it
    applied: int | None = None
    applied_since: datetime | None = None
    behind: int = 0  # resources that it has yet to apply
    behind_since: datetime | None = None
    missing: frozenset[Key] | None = None
    rejected: Mapping[Key, str] = field(default_factory=dict)
    rejections: int = 0
    report: Mapping[str, Any] | None = None  # the members of its last report
    clock_offset: timedelta | None = None
    recorded_at: datetime | None = None  # None: not yet
