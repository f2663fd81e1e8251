"""
Traffic on the control stream: parts that an agent reports, and that they are stored.

A part comes from another machine, so each value is limited. One that isn't acknowledged comes again, under the same
number, so a control plane counts each number of a source once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from holdfast.apis.traffic.latencies import BUCKETS
from holdfast.apis.traffic.measures import Measures
from holdfast.gateway.control.messages import MalformedMessage, Members
from holdfast.gateway.traffic.backlog import PART, Part

MAX_CLUSTER = 300  # characters of the name of a cluster
MAX_STATUSES = 40  # of a cluster in a part; the agent counts others as the first of their class, such as 500
MAX_TLS_VERSIONS = 8
MAX_COUNT, MAX_BYTES = 10**9, 10**15  # of a cluster in a part
_HIGHEST_STATUS = 999
_SOURCE = re.compile(r"[0-9a-f]{16}")
_FINGERPRINT = re.compile(r"([0-9a-f]{64})?")
_TLS_VERSION = re.compile(r"[A-Za-z0-9.]{0,16}")
_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class TrafficReport:
    """A part of the traffic of a gateway; its number counts within *source*."""

    KIND: ClassVar[str] = "traffic"
    source: str
    part: Part

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        part = self.part
        clusters = {name: limit_statuses(measures).to_members() for name, measures in part.clusters.items()}
        return {
            "source": self.source,
            "number": part.number,
            "minute": part.minute.timestamp(),
            "seconds": min(part.seconds, _MINUTE),
            "late": part.is_late,
            "uncounted": part.uncounted,
            "dropped": part.dropped,
            "clusters": [{"name": name, **measures} for name, measures in clusters.items()],
        }

    @classmethod
    def from_members(cls, members: Members) -> "TrafficReport":
        """Return the message with these *members*. Raises MalformedMessage."""
        clusters = {
            cluster.read_text("name", MAX_CLUSTER): _read_measures(cluster)
            for cluster in members.read_objects("clusters", PART)
        }
        part = Part(
            number=members.read_number("number"),
            minute=_read_minute(members),
            seconds=members.read_seconds("seconds", _MINUTE),
            is_late=members.read_flag("late"),
            uncounted=members.read_number("uncounted", MAX_COUNT),
            dropped=members.read_number("dropped", MAX_COUNT),
            clusters=clusters,
        )
        return cls(members.read_matching("source", _SOURCE, 16), part)


@dataclass(frozen=True, slots=True)
class TrafficStored:
    """The control plane has stored the parts up to *number*."""

    KIND: ClassVar[str] = "traffic stored"
    number: int

    def to_members(self) -> dict[str, Any]:
        """Return its members as JSON values."""
        return {"number": self.number}

    @classmethod
    def from_members(cls, members: Members) -> "TrafficStored":
        """Return the message with these *members*. Raises MalformedMessage."""
        return cls(members.read_number("number"))


def limit_statuses(measures: Measures) -> Measures:
    """Return *measures* with at most MAX_STATUSES statuses, of which the rarest count as the first of their class."""
    if len(measures.statuses) <= MAX_STATUSES:
        return measures
    items = sorted(measures.statuses.items(), key=lambda item: -item[1])
    statuses = dict(items[: MAX_STATUSES - 10])
    for status, count in items[MAX_STATUSES - 10 :]:
        first = status // 100 * 100
        statuses[first] = statuses.get(first, 0) + count
    return Measures(
        statuses,
        measures.latencies,
        measures.received,
        measures.sent,
        measures.tls_versions,
        measures.certificate,
    )


def _read_minute(members: Members) -> datetime:
    minute = members.read_time("minute")
    if minute.second or minute.microsecond:
        raise MalformedMessage("minute is not the start of one")
    return minute


def _read_measures(members: Members) -> Measures:
    return Measures(
        statuses={
            _read_status(name): count for name, count in _read_counts(members, "statuses", MAX_STATUSES + 10).items()
        },
        latencies=_read_latencies(members),
        received=members.read_number("received", MAX_BYTES),
        sent=members.read_number("sent", MAX_BYTES),
        tls_versions=_read_tls_versions(members),
        certificate=members.read_matching("certificate", _FINGERPRINT, 64),
    )


def _read_status(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 3):
        raise MalformedMessage("statuses has one that isn't a status")
    return min(int(text), _HIGHEST_STATUS)


def _read_latencies(members: Members) -> tuple[int, ...]:
    counts = members.read_integers("latencies", BUCKETS, MAX_COUNT)
    while counts and not counts[-1]:
        counts = counts[:-1]
    return counts


def _read_tls_versions(members: Members) -> Mapping[str, int]:
    counts = _read_counts(members, "tlsVersions", MAX_TLS_VERSIONS)
    if not all(_TLS_VERSION.fullmatch(name) for name in counts):
        raise MalformedMessage("tlsVersions has one that isn't a version")
    return counts


def _read_counts(members: Members, name: str, most: int) -> dict[str, int]:
    values = members.values.get(name)
    if not isinstance(values, dict) or len(values) > most:
        raise MalformedMessage(f"{name} is missing or has too many members")
    counts = Members(values)
    return {str(key): counts.read_number(key, MAX_COUNT) for key in values}
