"""
The timeline of everything that expires: certificates that gateways trust, and certificates that backends present.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise

from sqlalchemy.orm import Session

from holdfast.apis.errors import InvalidField
from holdfast.services.access.context import Context
from holdfast.services.access.permissions import Permission
from holdfast.services.inventory.completion import complete_facts
from holdfast.store.trust import expiring
from holdfast.store.watch import watched_endpoints
from holdfast.store.watch.watched_endpoints import WatchFilter

MONTHS = 12
MAX_OFFSET = 10_000
EXPIRED, LATER = "expired", "later"
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


class Source(StrEnum):
    """Where a certificate is seen: in the trust of an endpoint, or at a backend."""

    TRUSTED = "trusted"
    PRESENTED = "presented"


@dataclass(frozen=True, slots=True)
class Period:
    """A month (UTC), such as "2026-12", of which only the future counts; or "expired" or "later"."""

    name: str
    begin: datetime
    end: datetime  # not part of it
    counts: dict[Source, int]

    @property
    def month(self) -> datetime | None:
        """The first day of the month; None: it isn't a month."""
        return None if self.name in {EXPIRED, LATER} else datetime.strptime(self.name, "%Y-%m").replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Expiry:
    """A certificate that expires at a time; one that gateways trust has an *alias*, whose endpoint has the *origin*."""

    at: datetime
    source: Source
    name: str  # the common name, or another name
    issuer: str
    origin: str
    alias: str = ""
    previous: bool = False  # replaced, but still trusted
    used: bool = True  # an API has an endpoint at the origin
    entry_id: str = ""  # of the endpoint certificate
    fingerprint: str = ""
    endpoint_id: str = ""  # of the watched endpoint, for a certificate that a backend presents


def build_timeline(context: Context) -> list[Period]:
    """Return the periods with their numbers of certificates: expired, the next twelve months, later."""
    sources = _list_readable_sources(context)
    with context.read() as session:
        return [
            Period(name, begin, end, {source: _COUNTS[source](session, context, begin, end) for source in sources})
            for name, begin, end in _list_periods(context.now)
        ]


def count_all(periods: Sequence[Period], name: str = "", source: Source | None = None) -> int:
    """Return the number of certificates in the period *name*, by default the next twelve months, from a *source*."""
    within = [period for period in periods if (period.name == name if name else period.month)]
    return sum(count for period in within for of, count in period.counts.items() if source in (None, of))


def list_expiries(
    context: Context, period: str = "", source: Source | None = None, offset: int = 0, limit: int = 100
) -> list[Expiry]:
    """
    Return a page of the certificates that expire in a period, by default the next twelve months; the first first.

    Raises:
        InvalidField: There is no such period, or *offset* is too large.
    """
    if offset > MAX_OFFSET:
        raise InvalidField("offset", f"The offset is at most {MAX_OFFSET:,}. Choose a month.")
    periods = _list_periods(context.now)
    begin, end = periods[1][1], periods[MONTHS][2]
    if period:
        bounds = {name: (begin, end) for name, begin, end in periods}
        if period not in bounds:
            raise InvalidField("period", f"There is no such period. Use {EXPIRED}, {LATER} or one of the next months.")
        begin, end = bounds[period]
    sources = [readable for readable in _list_readable_sources(context) if source in (None, readable)]
    with context.read() as session:
        entries = [entry for kind in sources for entry in _LISTS[kind](session, context, begin, end, offset + limit)]
    return sorted(entries, key=lambda entry: (entry.at, entry.source, entry.origin, entry.alias))[
        offset : offset + limit
    ]


def _list_readable_sources(context: Context) -> list[Source]:
    """Return the sources that the user may read. Raises NotPermitted if there is none."""
    context.user.require(Permission.VIEW_APIS, Permission.VIEW_ENDPOINT_CERTIFICATES)
    sources = []
    if context.user.may(Permission.VIEW_ENDPOINT_CERTIFICATES):
        complete_facts(context.store, context.user.organization)
        sources.append(Source.TRUSTED)
    if context.user.may(Permission.VIEW_APIS):
        sources.append(Source.PRESENTED)
    return sources


def _list_periods(now: datetime) -> Sequence[tuple[str, datetime, datetime]]:
    months = [_begin_month(now, number) for number in range(MONTHS + 1)]
    month_periods = [(f"{begin:%Y-%m}", max(begin, now), end) for begin, end in pairwise(months)]
    return [(EXPIRED, _FIRST, now), *month_periods, (LATER, months[-1], _LAST)]


def _begin_month(now: datetime, later: int) -> datetime:
    years, month = divmod(now.astimezone(UTC).month - 1 + later, 12)
    return datetime(now.astimezone(UTC).year + years, month + 1, 1, tzinfo=UTC)


def _count_trusted(session: Session, context: Context, begin: datetime, end: datetime) -> int:
    return expiring.count(session, context.user.organization, end, begin)


def _count_presented(session: Session, context: Context, begin: datetime, end: datetime) -> int:
    return watched_endpoints.count_expiring(session, context.user.organization, begin, end)


def _list_trusted(session: Session, context: Context, begin: datetime, end: datetime, limit: int) -> list[Expiry]:
    return [
        Expiry(
            certificate.not_after,
            Source.TRUSTED,
            certificate.common_name,
            certificate.issuer,
            certificate.origin,
            certificate.alias,
            certificate.previous,
            certificate.used,
            certificate.entry_id,
            certificate.fingerprint,
        )
        for certificate in expiring.find(session, context.user.organization, end, begin, limit)
    ]


def _list_presented(session: Session, context: Context, begin: datetime, end: datetime, limit: int) -> list[Expiry]:
    watch_filter = WatchFilter(expires_before=end, expires_after=begin)
    page, _ = watched_endpoints.find(session, context.user.organization, watch_filter, context.now, limit=limit)
    return [
        Expiry(
            endpoint.certificate.expires_at,
            Source.PRESENTED,
            endpoint.certificate.name,
            endpoint.certificate.issuer,
            endpoint.origin,
            endpoint_id=endpoint.id,
        )
        for endpoint in page
        if endpoint.certificate
    ]


_COUNTS: dict[Source, Callable[[Session, Context, datetime, datetime], int]] = {
    Source.TRUSTED: _count_trusted,
    Source.PRESENTED: _count_presented,
}
_LISTS: dict[Source, Callable[[Session, Context, datetime, datetime, int], list[Expiry]]] = {
    Source.TRUSTED: _list_trusted,
    Source.PRESENTED: _list_presented,
}
