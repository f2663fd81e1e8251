"""
The geometry of the expiry timeline, which templates draw as SVG: one slot per period, one row of bars per source.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from holdfast.services.watch.expiry import EXPIRED, LATER, Period, Source

_HEAD = 18  # height of the number above a bar
_NARROW_BAR = 226  # the longest


@dataclass(frozen=True, slots=True)
class Measures:
    """The measures of the drawings, in their own units."""

    slot: int = 70  # width of a period
    row: int = 96  # height of a row of bars
    gap: int = 14  # below a row
    bar: int = 38
    labels: int = 34  # height of the names of periods
    narrow_slot: int = 40  # height of a period on narrow screens
    narrow_label: int = 78


MEASURES = Measures()


@dataclass(frozen=True, slots=True)
class Bar:
    """The bar of a source in a period; *length* is at least visible unless *count* is 0."""

    source: Source
    count: int
    length: int  # of the wide drawing, in which bars are upright
    narrow_length: int


@dataclass(frozen=True, slots=True)
class Slot:
    """One period of the drawing."""

    name: str
    label: str  # such as "Dec", with the year for the first month and each January
    year: str
    sentence: str  # for those who don't see the drawing
    href: str
    bars: tuple[Bar, ...]


def draw(periods: Sequence[Period], build_address: Callable[[str], str]) -> list[Slot]:
    """Return the slots of the drawing, with links. All bars have one scale, so that rows can be compared."""
    highest = max((count for period in periods for count in period.counts.values()), default=0)
    slots, is_first = [], True
    for period in periods:
        month = period.month
        year = f"{month:%Y}" if month and (is_first or month.month == 1) else ""
        is_first = is_first and not month
        label = f"{month:%b}" if month else period.name.title()
        bars = tuple(
            Bar(
                source,
                count,
                _scale_length(count, highest, MEASURES.row - _HEAD),
                _scale_length(count, highest, _NARROW_BAR),
            )
            for source, count in period.counts.items()
        )
        slots.append(Slot(period.name, label, year, _describe(period), build_address(period.name), bars))
    return slots


def name_period(period: Period) -> str:
    """Write the name of a period, such as "December 2026"."""
    return f"{period.month:%B %Y}" if period.month else {EXPIRED: "Expired", LATER: "Later"}[period.name]


def describe(periods: Sequence[Period]) -> str:
    """Describe the whole drawing in a sentence."""
    months = [period for period in periods if period.month]
    total = sum(count for period in months for count in period.counts.values())
    busiest = max(months, key=lambda period: sum(period.counts.values()))
    if not total:
        return "No certificate expires in the next twelve months."
    most = f"most in {name_period(busiest)} ({sum(busiest.counts.values()):,})"
    certificates = "1 certificate expires" if total == 1 else f"{total:,} certificates expire"
    return f"{certificates} in the next twelve months, {most}. Each month is a link."


def _scale_length(count: int, highest: int, space: int) -> int:
    return max(3, round(space * count / highest)) if count else 0


def _describe(period: Period) -> str:
    counts = ", ".join(f"{count:,} {source}" for source, count in period.counts.items())
    return f"{name_period(period)}: {counts}"
