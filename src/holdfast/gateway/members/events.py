"""
Envoy's events about the health of hosts, one JSON object per line. It writes one only when the health changes.

Source: `envoy.data.core.v3.HealthCheckEvent` and `envoy.data.cluster.v3.OutlierDetectionEvent`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any

from holdfast.gateway.members.unhealthy import HealthCause
from holdfast.gateway.resources.constants import MATCH_METADATA, MEMBER
from holdfast.network.sockets import format_address

_CAUSES = {
    "ACTIVE": HealthCause.STATUS,
    "NETWORK": HealthCause.CONNECTION,
    "NETWORK_TIMEOUT": HealthCause.TIMEOUT,
}
_FAILED = ("eject_unhealthy_event", "health_check_failure_event")


class Detection(Enum):
    """The ways in which Envoy finds that a host is unhealthy; a host can be so in both."""

    HEALTH_CHECK = auto()
    OUTLIER = auto()


@dataclass(frozen=True, slots=True)
class HealthEvent:
    """A change of the health of a host. *member* is its authority; empty: the event doesn't say."""

    cluster: str
    address: str
    detection: Detection
    at: datetime  # aware, UTC
    cause: HealthCause | None = None  # None: it is healthy
    member: str = ""
    status: int = 0

    @property
    def key(self) -> tuple[str, str, Detection]:
        """The host whose health changed, and in which way."""
        return self.cluster, self.address, self.detection


def read_event(line: bytes) -> HealthEvent | None:
    """Return the event in *line*; None if it is of another kind or can't be read."""
    try:
        values = json.loads(line)
        return _read_check(values) if "health_checker_type" in values else _read_outlier(values)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def read_address(values: Mapping[str, Any]) -> str:
    """Return HOST:PORT from `envoy.config.core.v3.Address` as JSON. Raises LookupError."""
    socket = values["socket_address"]
    return format_address((socket["address"], socket["port_value"]))


def _read_check(values: Mapping[str, Any]) -> HealthEvent | None:
    failure = next((value for name in _FAILED if (value := values.get(name)) is not None), None)
    if failure is None and "add_healthy_event" not in values:
        return None
    origin = values["metadata"]["filter_metadata"][MATCH_METADATA][MEMBER]
    return HealthEvent(
        values["cluster_name"],
        read_address(values["host"]),
        Detection.HEALTH_CHECK,
        datetime.fromisoformat(values["timestamp"]),
        None if failure is None else _CAUSES.get(failure.get("failure_type"), HealthCause.CHECK),
        origin.partition("://")[2],
        int(failure.get("http_status_code", 0)) if failure else 0,
    )


def _read_outlier(values: Mapping[str, Any]) -> HealthEvent | None:
    action = values["action"]
    if action == "EJECT" and not values["enforced"]:
        return None
    cause = HealthCause.FAILURES if action == "EJECT" else None
    at = datetime.fromisoformat(values["timestamp"])
    return HealthEvent(values["cluster_name"], values["upstream_url"], Detection.OUTLIER, at, cause)
