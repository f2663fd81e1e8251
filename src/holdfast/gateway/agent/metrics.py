"""
The metrics of a gateway, for Prometheus and for OpenTelemetry.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from holdfast.gateway.control.reports import Report

Values = Sequence[tuple[Mapping[str, str], int]]


class MetricKind(Enum):
    """The ways in which values change."""

    GAUGE = auto()
    AGENT_COUNTER = auto()  # since the agent started
    ENVOY_COUNTER = auto()  # since Envoy started
    INFO = auto()  # always 1; the labels contain the information


_ENDINGS = {
    MetricKind.GAUGE: "",
    MetricKind.AGENT_COUNTER: "_total",
    MetricKind.ENVOY_COUNTER: "_total",
    MetricKind.INFO: "_info",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its values by labels. *name* has dots, as in OpenTelemetry; *unit* is one of UCUM, or empty."""

    name: str
    description: str
    kind: MetricKind
    values: Values
    unit: str = ""

    @property
    def prometheus_name(self) -> str:
        """Its name in Prometheus, without the ending that samples have."""
        return self.name.replace(".", "_") + ("_seconds" if self.unit == "s" else "")

    @property
    def sample_name(self) -> str:
        """The name of its samples in Prometheus."""
        return self.prometheus_name + _ENDINGS[self.kind]


def read_metrics(report: Report, now: datetime, *, is_ready: bool) -> Iterator[Metric]:
    """Yield the metrics of a gateway, from its report; *is_ready*: it serves callers."""

    def wrap(value: int) -> Values:
        return (({}, int(value)),)

    versions = {"version": report.version, "envoy_version": report.envoy_version}
    stale = int((now - report.stale_since).total_seconds()) if report.stale_since else 0
    kinds = [problem.kind.value for problem in report.problems]
    yield Metric("holdfast.gateway", "Versions of the agent and its Envoy.", MetricKind.INFO, ((versions, 1),))
    yield Metric(
        "holdfast.gateway.ready", "1 if the gateway serves callers, otherwise 0.", MetricKind.GAUGE, wrap(is_ready)
    )
    yield Metric(
        "holdfast.gateway.envoy_up",
        "1 if Envoy answers, otherwise 0.",
        MetricKind.GAUGE,
        wrap(bool(report.envoy_version)),
    )
    yield Metric(
        "holdfast.gateway.stale",
        "Seconds without a control plane; 0 while it is connected.",
        MetricKind.GAUGE,
        wrap(stale),
        unit="s",
    )
    yield Metric(
        "holdfast.gateway.envoy_restarts",
        "Restarts of Envoy because it had ended.",
        MetricKind.AGENT_COUNTER,
        wrap(report.envoy_restarts),
    )
    yield Metric(
        "holdfast.gateway.lost_reports",
        "Reports of failed requests that were dropped, because no control plane was connected.",
        MetricKind.AGENT_COUNTER,
        wrap(report.lost_reports),
    )
    yield Metric(
        "holdfast.gateway.problems",
        "Problems by kind.",
        MetricKind.GAUGE,
        [({"kind": kind}, kinds.count(kind)) for kind in sorted(set(kinds))],
    )
    yield Metric(
        "holdfast.gateway.requests",
        "Requests of callers.",
        MetricKind.ENVOY_COUNTER,
        [({"environment": traffic.environment}, traffic.requests) for traffic in report.traffic],
    )
    yield Metric(
        "holdfast.gateway.failures",
        "Responses with 5xx.",
        MetricKind.ENVOY_COUNTER,
        [({"environment": traffic.environment}, traffic.failures) for traffic in report.traffic],
    )
