"""
Charts: each is a table, which a script draws (`static/js/line-chart.js`, macro `chart` in `traffic/_charts.html`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from holdfast.apis.traffic.latencies import find_percentile
from holdfast.apis.traffic.measures import Measures
from holdfast.services.traffic.reading import Point, Traffic

_KIB = 1024


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart; *tone* names its color in app.css."""

    label: str
    tone: str


@dataclass(frozen=True, slots=True)
class Row:
    """The values at a time, None where there is none; *note* says what is special about it."""

    at: datetime
    values: tuple[float | None, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: *key* is unique on its page, *unit* one of `count`, `ms` and `bytes`, *step* in seconds."""

    key: str
    title: str
    unit: str
    step: int
    lines: tuple[Line, ...]
    rows: tuple[Row, ...]

    @property
    def is_empty(self) -> bool:
        """Whether all values are missing or zero."""
        return not any(any(row.values) for row in self.rows)

    def write(self, value: float | None) -> str:
        """Return *value* as text."""
        return write_value(value, self.unit)


def draw_requests(traffic: Traffic) -> Chart:
    """Return the chart of requests by the class of their status."""
    lines = (Line("2xx", "ok"), Line("3xx", "accent"), Line("4xx", "soon"), Line("5xx", "bad"))
    return _draw(traffic, "requests", "Requests", "count", lines, _count_classes)


def draw_failures(traffic: Traffic) -> Chart:
    """Return the chart of all requests and of those that failed, for Home."""
    lines = (Line("Requests", "accent"), Line("Failed (5xx)", "bad"))
    return _draw(traffic, "overview", "Requests", "count", lines, lambda point: (point.requests, point.failures))


def draw_latencies(traffic: Traffic) -> Chart:
    """Return the chart of latencies."""
    lines = (Line("p50", "ok"), Line("p95", "soon"), Line("p99", "bad"))
    return _draw(traffic, "latency", "Latency", "ms", lines, _find_percentiles)


def draw_bytes(traffic: Traffic) -> Chart:
    """Return the chart of bytes."""
    lines = (Line("From callers", "accent"), Line("To callers", "ok"))
    return _draw(
        traffic,
        "bytes",
        "Data",
        "bytes",
        lines,
        lambda point: (point.estimate(point.received), point.estimate(point.sent)),
    )


def write_value(value: float | None, unit: str) -> str:
    """Return a value as text; a dash if there is none."""
    if value is None:
        return "–"
    if unit == "count":
        return f"{value:,.0f}"
    if unit == "ms":
        return f"{value:,.0f} ms" if value < 1000 else f"{value / 1000:,.1f} s"
    for name in ("B", "KiB", "MiB", "GiB"):
        if value < _KIB:
            return f"{value:,.0f} {name}" if name == "B" else f"{value:,.1f} {name}"
        value /= _KIB
    return f"{value:,.1f} TiB"


def _draw(
    traffic: Traffic,
    key: str,
    title: str,
    unit: str,
    lines: tuple[Line, ...],
    measure: Callable[[Measures], Sequence[float | None]],
) -> Chart:
    nothing = (None,) * len(lines)
    rows = (
        Row(point.at, tuple(measure(point.measures)) if point.measures else nothing, _write_note(point))
        for point in traffic.points
    )
    return Chart(key, title, unit, traffic.range.step, lines, tuple(rows))


def _count_classes(measures: Measures) -> Sequence[float]:
    return [measures.count_class(digit) for digit in (2, 3, 4, 5)]


def _find_percentiles(measures: Measures) -> Sequence[float | None]:
    return [find_percentile(measures.latencies, share) for share in (0.5, 0.95, 0.99)]


def _write_note(point: Point) -> str:
    if point.measures is None:
        return "No data"
    if point.is_partial:
        return "Some gateways didn't report"
    return "Includes earlier requests" if point.is_late else ""
