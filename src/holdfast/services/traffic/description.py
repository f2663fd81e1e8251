"""
Traffic as JSON and CSV.
"""

import csv
import io
from collections.abc import Iterator

from typing_extensions import TypedDict

from holdfast.apis.traffic.latencies import find_percentile
from holdfast.apis.traffic.measures import Measures
from holdfast.services.traffic.reading import Point, Share, Traffic


class Latency(TypedDict):
    """Percentiles in milliseconds. They are null without requests."""

    p50: float | None
    p95: float | None
    p99: float | None


class Requests(TypedDict):
    """The requests of a period. `bytesReceived` and `bytesSent` are from and to callers."""

    requests: int
    failed: int
    aborted: int
    statuses: dict[str, int]
    latency: Latency
    bytesReceived: int
    bytesSent: int
    tlsVersions: dict[str, int]
    sampled: int


class TrafficPoint(TypedDict):
    """The requests of a step that begins at `time`. `total` is null if no gateway reported."""

    time: str
    total: Requests | None
    partial: bool
    late: bool


class BackendTraffic(TypedDict):
    """The requests to the backend of an environment at a gateway."""

    environment: str
    gateway: str
    endpoint: str
    total: Requests
    lastCertificate: str | None


class CauseCount(TypedDict):
    """The number of requests that failed for a cause."""

    code: str
    requests: int


class TrafficDescription(TypedDict):
    """The traffic of a range of time. `step` is in seconds."""

    range: str
    startTime: str
    endTime: str
    step: int
    total: Requests
    points: list[TrafficPoint]
    backends: list[BackendTraffic]
    causes: list[CauseCount]
    lost: int


def describe_traffic(traffic: Traffic) -> TrafficDescription:
    """Describe traffic as JSON values."""
    return {
        "range": traffic.range.name,
        "startTime": traffic.start.isoformat(),
        "endTime": traffic.end.isoformat(),
        "step": traffic.range.step,
        "total": _describe(traffic.total),
        "points": [_describe_point(point) for point in traffic.points],
        "backends": [_describe_share(share) for share in traffic.shares],
        "causes": [{"code": code, "requests": requests} for code, requests in traffic.causes.items()],
        "lost": traffic.lost_count,
    }


def write_csv(traffic: Traffic) -> str:
    """Write the points of *traffic* as CSV (RFC 4180); a step without reports has empty fields."""
    output = io.StringIO()
    writer = csv.writer(output)
    writer.writerow(
        [
            *("time", "requests", "1xx", "2xx", "3xx", "4xx", "5xx", "aborted", "p50_ms", "p95_ms", "p99_ms"),
            *("bytes_received", "bytes_sent", "sampled", "note"),
        ]
    )
    writer.writerows(_write_rows(traffic))
    return output.getvalue()


def _write_rows(traffic: Traffic) -> Iterator[list[object]]:
    for point in traffic.points:
        note = "partial" if point.is_partial else "late" if point.is_late else ""
        if (own := point.measures) is None:
            yield [point.at.isoformat(), *[""] * 13, "missing"]
            continue
        percentiles = (estimate_percentile(own, share) for share in (0.5, 0.95, 0.99))
        yield [
            point.at.isoformat(),
            own.requests,
            *(own.count_class(digit) for digit in range(1, 6)),
            own.count_class(0),
            *("" if value is None else value for value in percentiles),
            own.estimate(own.received),
            own.estimate(own.sent),
            own.sampled,
            note,
        ]


def _describe_point(point: Point) -> TrafficPoint:
    return {
        "time": point.at.isoformat(),
        "total": _describe(point.measures) if point.measures else None,
        "partial": point.is_partial,
        "late": point.is_late,
    }


def _describe_share(share: Share) -> BackendTraffic:
    return {
        "environment": share.environment,
        "gateway": share.gateway,
        "endpoint": share.endpoint,
        "total": _describe(share.measures),
        "lastCertificate": share.measures.certificate or None,
    }


def _describe(own: Measures) -> Requests:
    return {
        "requests": own.requests,
        "failed": own.failures,
        "aborted": own.count_class(0),
        "statuses": {str(status): count for status, count in sorted(own.statuses.items()) if status},
        "latency": {
            "p50": estimate_percentile(own, 0.5),
            "p95": estimate_percentile(own, 0.95),
            "p99": estimate_percentile(own, 0.99),
        },
        "bytesReceived": own.estimate(own.received),
        "bytesSent": own.estimate(own.sent),
        "tlsVersions": {version: count for version, count in sorted(own.tls_versions.items()) if version},
        "sampled": own.sampled,
    }


def estimate_percentile(own: Measures, share: float) -> float | None:
    value = find_percentile(own.latencies, share)
    return None if value is None else round(value, 1)
